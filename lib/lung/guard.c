/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/guard.h"

#include <math.h>
#include <string.h>

#include "lung/guard-scale.h"
#include "lung/segmenter-job.h"

#define MS ((gint64)1000000)
#define LIT 16 /* luma above this is lit */

/* One picture is judged by shares of the sector's cells and pixels. */
#define DARK_SHARE 0.04    /* the deep part of fewer lit cells is empty */
#define NEAR_SHARE 0.08    /* with so many lit ones at the probe's face it is a probe in the air, else no picture */
#define NEAR_DEPTH 0.25    /* of the sector's depth: the probe's face */
#define DEEP_DEPTH 0.35    /* below this it is deep */
#define EQUAL_SHARE 0.75   /* so many cells of one grey: a screen without a picture */
#define EQUAL_RANGE 3      /* grey levels, each way */
#define FLAT_SHARE 0.8     /* so many lit pixels like their neighbours: bars, menus, desktops */
#define FLAT_STEP 2        /* grey levels */
#define NOISE_CORRELATION 0.3 /* neighbouring cells of anatomy are more alike than this */

/* Two pictures are the same when no more lit cells than this differ by more than a step, and equal when none
 * differs. */
#define SAME_SHARE 0.03
#define SAME_STEP 1 /* grey levels: what a grabber's noise leaves in the mean of a cell */

#define HOLD_MIN (155 * MS)     /* a picture that stays the same so long is frozen, */
#define HOLD_INTERVALS 1.9      /* and so many of the scanner's own intervals */
#define INTERVAL_MAX (400 * MS) /* longer ones are no interval of a scanner */
#define CONTACT_ENTER (80 * MS)
#define LEAVE (100 * MS)
#define DEPTH_HOLD (500 * MS)
#define DEPTH_REACH (300 * MS) /* older pictures are not compared */

#define N_INTERVALS 16

struct _LusGuard {
  LusGuardCells now, before, held, last; /* held: the picture that may be frozen; last: the newest with a signal */
  gint64 time_ns;                /* of now; -1 before the first */
  gint64 held_ns, last_ns;       /* of held and last; -1: none */
  gboolean repeats;              /* all pictures since held equal it */
  gboolean exact;                /* what is frozen is the same bit by bit */
  gint64 intervals[N_INTERVALS]; /* between changes of the picture, a ring */
  int n_intervals;
  gint64 began_ns[LUS_GUARD_N], seen_ns[LUS_GUARD_N]; /* since when, and last, a state's condition was met; -1: not */
  gboolean active[LUS_GUARD_N];
};

LusGuard *lus_guard_new(void)
{
  LusGuard *guard = g_try_new0(LusGuard, 1);
  if (guard)
    lus_guard_reset(guard);
  return guard;
}

void lus_guard_free(LusGuard *guard)
{
  g_free(guard);
}

void lus_guard_reset(LusGuard *guard)
{
  guard->time_ns = guard->held_ns = guard->last_ns = -1;
  guard->n_intervals = 0;
  for (int i = 0; i < LUS_GUARD_N; i++) {
    guard->began_ns[i] = guard->seen_ns[i] = -1;
    guard->active[i] = FALSE;
  }
}

const char *lus_guard_name(LusGuardState state)
{
  static const char *const names[LUS_GUARD_N] = {"clear", "new-depth", "no-contact", "frozen", "no-signal"};
  return names[state];
}

gint64 lus_guard_unchanged_ns(const LusGuard *guard)
{
  return guard->held_ns >= 0 ? guard->time_ns - guard->held_ns : 0;
}

/* ---- one picture ---- */

/* Share of lit cells with depths @from..@to (0..1) below the sector's upper border. */
static double lit_share(const LusGuardCells *cells, double from, double to)
{
  int lit = 0, all = 0;
  for (int x = 0; x < cells->columns; x++) {
    int first = 0, end = cells->rows;
    while (first < end && !cells->inside[first * LUS_GUARD_CELLS + x])
      first++;
    while (end > first && !cells->inside[(end - 1) * LUS_GUARD_CELLS + x])
      end--;
    int depth = end - first;
    for (int y = first + (int)(from * depth); y < first + (int)(to * depth + 0.5); y++) {
      int at = y * LUS_GUARD_CELLS + x;
      lit += cells->inside[at] && cells->luma[at] > LIT;
      all += cells->inside[at];
    }
  }
  return all ? (double)lit / all : 0;
}

static gboolean is_one_grey(const LusGuardCells *cells)
{
  int histogram[256] = {0}, all = 0, most = 0;
  for (int y = 0; y < cells->rows; y++)
    for (int x = 0; x < cells->columns; x++) {
      int at = y * LUS_GUARD_CELLS + x;
      histogram[cells->luma[at]] += cells->inside[at];
      all += cells->inside[at];
    }
  for (int level = LIT - EQUAL_RANGE; level < 256 - EQUAL_RANGE; level++) {
    int alike = 0;
    for (int i = level - EQUAL_RANGE; i <= level + EQUAL_RANGE; i++)
      alike += histogram[i];
    most = MAX(most, alike);
  }
  return most > all * EQUAL_SHARE;
}

/* Pixels against those @step further right and down, which is where the neighbour in the frame went. */
static gboolean is_flat(const LusSegmenterJob *job)
{
  const LusGeometry *geometry = &job->geometry;
  int step = MAX((geometry->width + geometry->crop.width - 1) / geometry->crop.width, 1);
  int flat = 0, lit = 0, width = geometry->width, stride = geometry->input_width;
  for (int y = 0; y + step < geometry->height; y++) {
    const guint8 *luma = job->luma + (gsize)(geometry->y + y) * stride + geometry->x;
    const guint8 *below = luma + (gsize)step * stride, *inside = job->inside + (gsize)y * width;
    for (int x = 0; x + step < width; x++) {
      int across = abs(luma[x] - luma[x + step]), down = abs(luma[x] - below[x]);
      int counts = (luma[x] > LIT) & (inside[x] != 0);
      lit += counts;
      flat += counts & (across <= FLAT_STEP) & (down <= FLAT_STEP);
    }
  }
  return lit > 0 && flat > lit * FLAT_SHARE;
}

static gboolean is_noise(const LusGuardCells *cells)
{
  double sum = 0, squares = 0, across = 0, down = 0;
  int n = 0, pairs = 0;
  for (int y = 0; y < cells->rows; y++)
    for (int x = 0; x < cells->columns; x++) {
      int at = y * LUS_GUARD_CELLS + x;
      if (!cells->inside[at])
        continue;
      sum += cells->luma[at];
      squares += cells->luma[at] * cells->luma[at];
      n++;
    }
  double mean = n ? sum / n : 0, variance = n ? squares / n - mean * mean : 0;
  for (int y = 0; y + 1 < cells->rows; y++)
    for (int x = 0; x + 1 < cells->columns; x++) {
      int at = y * LUS_GUARD_CELLS + x, below = at + LUS_GUARD_CELLS;
      if (!cells->inside[at] || !cells->inside[at + 1] || !cells->inside[below])
        continue;
      across += (cells->luma[at] - mean) * (cells->luma[at + 1] - mean);
      down += (cells->luma[at] - mean) * (cells->luma[below] - mean);
      pairs++;
    }
  double least = NOISE_CORRELATION * variance * pairs;
  return pairs > 0 && across < least && down < least;
}

static gboolean has_no_signal(const LusGuard *guard, const LusSegmenterJob *job)
{
  const LusGuardCells *cells = &guard->now;
  if (lit_share(cells, DEEP_DEPTH, 1) < DARK_SHARE)
    return lit_share(cells, 0, NEAR_DEPTH) < NEAR_SHARE;
  return is_one_grey(cells) || is_flat(job) || is_noise(cells);
}

static gboolean has_no_contact(const LusGuard *guard)
{
  const LusGuardCells *cells = &guard->now;
  return lit_share(cells, DEEP_DEPTH, 1) < DARK_SHARE && lit_share(cells, 0, NEAR_DEPTH) >= NEAR_SHARE;
}

/* ---- pictures in time ---- */

static gboolean is_same(const LusGuardCells *a, const LusGuardCells *b, int step, double share)
{
  int lit = 0, different = 0;
  if (!lus_guard_cells_match(a, b))
    return FALSE;
  for (int y = 0; y < a->rows; y++)
    for (int x = 0; x < a->columns; x++) {
      int at = y * LUS_GUARD_CELLS + x;
      if (!a->inside[at] || MAX(a->luma[at], b->luma[at]) <= LIT)
        continue;
      lit++;
      different += abs(a->luma[at] - b->luma[at]) > step;
    }
  return different <= lit * share;
}

static gint64 longest_interval(const LusGuard *guard)
{
  gint64 longest = 0;
  for (int i = 0; i < MIN(guard->n_intervals, N_INTERVALS); i++)
    longest = MAX(longest, guard->intervals[i]);
  return longest;
}

/* A scanner that makes fewer pictures than the video has shows each for a while, bit by bit the same: that is its
 * interval. */
static gboolean is_frozen(LusGuard *guard)
{
  gint64 age = guard->held_ns >= 0 ? guard->time_ns - guard->held_ns : 0;
  if (guard->held_ns < 0 || !is_same(&guard->held, &guard->now, SAME_STEP, SAME_SHARE)) {
    if (guard->repeats && age > 0 && age < INTERVAL_MAX)
      guard->intervals[guard->n_intervals++ % N_INTERVALS] = age;
    guard->held = guard->now;
    guard->held_ns = guard->time_ns;
    guard->repeats = TRUE;
    return FALSE;
  }
  guard->repeats &= is_same(&guard->before, &guard->now, 0, 0);
  gboolean frozen = age >= MAX(HOLD_MIN, (gint64)(HOLD_INTERVALS * (double)longest_interval(guard)));
  if (frozen)
    guard->exact = guard->repeats;
  return frozen;
}

/* Looks only when @asked to: it is the most of a picture's work. */
static gboolean has_new_depth(LusGuard *guard, const LusSegmenterJob *job, gboolean asked)
{
  gboolean changed = asked && guard->last_ns >= 0 && guard->time_ns - guard->last_ns <= DEPTH_REACH &&
                     lus_guard_is_rescaled(&guard->last, job);
  guard->last = guard->now;
  guard->last_ns = changed ? -1 : guard->time_ns;
  return changed;
}

/* A state begins when its condition has been met for @enter, and ends when it has not been for @leave. */
static void latch(LusGuard *guard, LusGuardState state, gboolean met, gint64 enter, gint64 leave)
{
  if (met) {
    if (guard->began_ns[state] < 0)
      guard->began_ns[state] = guard->time_ns;
    guard->seen_ns[state] = guard->time_ns;
    guard->active[state] |= guard->time_ns - guard->began_ns[state] >= enter;
    return;
  }
  if (!guard->active[state] || guard->time_ns - guard->seen_ns[state] >= leave) {
    guard->began_ns[state] = -1;
    guard->active[state] = FALSE;
  }
}

LusGuardState lus_guard_watch(LusGuard *guard, const LusSegmenterJob *job, gint64 time_ns, const LusGuardConfig *config)
{
  if (time_ns < guard->time_ns)
    lus_guard_reset(guard);
  guard->time_ns = time_ns;
  lus_guard_cells_fill(&guard->now, job);
  gboolean no_signal = config->signal && has_no_signal(guard, job);
  gboolean no_contact = config->contact && !no_signal && has_no_contact(guard);
  gboolean frozen = is_frozen(guard) && config->freeze;
  guard->before = guard->now;
  gboolean new_depth = FALSE;
  if (no_signal)
    guard->last_ns = -1;
  else
    new_depth = has_new_depth(guard, job, config->depth);
  latch(guard, LUS_GUARD_NO_SIGNAL, no_signal, 0, LEAVE);
  latch(guard, LUS_GUARD_NO_CONTACT, no_contact, CONTACT_ENTER, LEAVE);
  latch(guard, LUS_GUARD_FROZEN, frozen, 0, LEAVE);
  latch(guard, LUS_GUARD_NEW_DEPTH, new_depth, 0, DEPTH_HOLD);
  for (int state = LUS_GUARD_N - 1; state > LUS_GUARD_CLEAR; state--) {
    /* A probe in the air shows the echoes of its own face, which stay; only what is the same bit by bit is frozen then. */
    gboolean idle = state == LUS_GUARD_FROZEN && guard->active[LUS_GUARD_NO_CONTACT] && !guard->exact;
    if (guard->active[state] && !idle)
      return (LusGuardState)state;
  }
  return LUS_GUARD_CLEAR;
}
