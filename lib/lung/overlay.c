/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/overlay.h"

#include <string.h>

#include "lung/overlay-parts.h"

#define MEASURE_NS G_GINT64_CONSTANT(1000000000) /* the scanner's own text is looked for this long */
#define MEASURE_FRAMES 60                        /* and at most over so many frames */

/* What the contours at hand were made from. */
typedef struct {
  guint64 result_number;
  gint64 pts_ns;
  const guint8 *confidence, *planes;
  LusRect rect;
  guint8 cut[LUS_MAX_CLASSES];
  LusMaskLook look;
} MaskKey;

struct _LusOverlay {
  LusOverlayConfig config;
  LusImage target; /* format, size and colorimetry of the frames */
  LusCanvas canvas;

  LusRoom room;
  gboolean has_room, measuring;
  gint64 measured_from_ns;
  int measured_frames;

  LusMaskDrawing masks;
  MaskKey mask_key;
  guint8 *sector; /* copy of the last sector plane, to see a new one */
  gsize sector_size;
  int sector_width, sector_height;
  LusRect sector_rect;
  LusCorners corners;
  LusPlate marks[LUS_CORNERS];

  LusWatch watch;
  LusLegendSource known;
  LusLayout layout;
  gboolean layout_due;
  unsigned wanted;
  int legend_rows;
  gboolean legend_bars;
  LusContent content, drawn; /* drawn: of each block what its plate shows */
  LusStatus drawn_status;
  int last_renewed;
  gboolean is_drawn[LUS_BLOCK_N];
  LusPlate plates[LUS_BLOCK_N];
  cairo_surface_t *texts[LUS_BLOCK_N]; /* instead of plates, with texts_apart; NULL: not drawn yet */
  guint64 serials[LUS_BLOCK_N], serial; /* of texts; the last one given */
};

G_STATIC_ASSERT(LUS_OVERLAY_TEXTS == LUS_BLOCK_N);

typedef void (*DrawBlock)(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);

/* The part of the content that a block shows, and how. */
static const struct {
  gsize at, size;
  DrawBlock draw;
} blocks[LUS_BLOCK_N] = {
#define PART(member) offsetof(LusContent, member), sizeof(((LusContent *)NULL)->member)
  [LUS_BLOCK_STATUS] = {PART(status), lus_draw_status},
  [LUS_BLOCK_SF] = {PART(sf), lus_draw_sf},
  [LUS_BLOCK_NOTICE] = {0, 0, lus_draw_notice},
  [LUS_BLOCK_ZONE] = {PART(zone), lus_draw_zone},
  [LUS_BLOCK_OUTLOOK] = {PART(outlook), lus_draw_outlook},
  [LUS_BLOCK_THORAX] = {PART(thorax), lus_draw_thorax},
  [LUS_BLOCK_LEGEND] = {PART(legend), lus_draw_legend},
  [LUS_BLOCK_DEPTH] = {PART(depth), lus_draw_depth},
  [LUS_BLOCK_FOOTER] = {PART(status), lus_draw_footer},
  [LUS_BLOCK_MARK] = {PART(mark), lus_draw_mark},
#undef PART
};

void lus_overlay_config_init(LusOverlayConfig *config)
{
  *config = (LusOverlayConfig){.opacity = 1, .style = LUS_OVERLAY_CONTOUR, .show_legend = TRUE, .show_confidence = TRUE,
                               .show_estimate = TRUE, .show_status = TRUE, .stale_policy = LUS_STALE_DIM,
                               .expire_ns = 300 * G_GINT64_CONSTANT(1000000), .class_mask = G_MAXUINT32};
}

LusOverlay *lus_overlay_new(void)
{
  LusOverlay *overlay = g_new0(LusOverlay, 1);
  lus_overlay_config_init(&overlay->config);
  lus_canvas_open(&overlay->canvas);
  lus_room_init(&overlay->room);
  lus_mask_drawing_init(&overlay->masks);
  for (int i = 0; i < LUS_CORNERS; i++)
    lus_plate_init(&overlay->marks[i]);
  for (int i = 0; i < LUS_BLOCK_N; i++)
    lus_plate_init(&overlay->plates[i]);
  lus_overlay_reset(overlay);
  return overlay;
}

static void forget_texts(LusOverlay *overlay)
{
  for (int i = 0; i < LUS_BLOCK_N; i++)
    g_clear_pointer(&overlay->texts[i], cairo_surface_destroy);
}

void lus_overlay_free(LusOverlay *overlay)
{
  if (!overlay)
    return;
  forget_texts(overlay);
  for (int i = 0; i < LUS_BLOCK_N; i++)
    lus_plate_clear(&overlay->plates[i]);
  for (int i = 0; i < LUS_CORNERS; i++)
    lus_plate_clear(&overlay->marks[i]);
  lus_mask_drawing_clear(&overlay->masks);
  lus_room_clear(&overlay->room);
  lus_canvas_close(&overlay->canvas);
  g_free(overlay->sector);
  g_free(overlay);
}

void lus_overlay_set_config(LusOverlay *overlay, const LusOverlayConfig *config)
{
  if (config->texts_apart != overlay->config.texts_apart) {
    forget_texts(overlay);
    memset(overlay->is_drawn, 0, sizeof overlay->is_drawn);
  }
  overlay->config = *config;
  overlay->config.opacity = CLAMP(config->opacity, 0, 1);
}

static void forget_marks(LusOverlay *overlay)
{
  for (int i = 0; i < LUS_CORNERS; i++)
    lus_plate_empty(&overlay->marks[i]);
}

void lus_overlay_reset(LusOverlay *overlay)
{
  memset(&overlay->target, 0, sizeof overlay->target); /* the next frame starts anew */
  memset(&overlay->known, 0, sizeof overlay->known);
  memset(&overlay->mask_key, 0, sizeof overlay->mask_key);
  lus_watch_reset(&overlay->watch);
  overlay->sector_width = overlay->sector_height = 0;
  g_clear_pointer(&overlay->masks.sector, g_free);
  overlay->masks.sector_box = (LusRect){0, 0, 0, 0};
  forget_marks(overlay);
  memset(overlay->is_drawn, 0, sizeof overlay->is_drawn);
  overlay->layout_due = TRUE;
}

static gboolean same_target(const LusImage *a, const LusImage *b)
{
  return a->format == b->format && a->width == b->width && a->height == b->height && a->full_range == b->full_range &&
         a->matrix == b->matrix;
}

static void start_measuring(LusOverlay *overlay, gint64 now_ns)
{
  overlay->has_room = lus_room_set_size(&overlay->room, overlay->target.width, overlay->target.height);
  overlay->measuring = overlay->has_room;
  overlay->measured_from_ns = now_ns;
  overlay->measured_frames = 0;
  overlay->layout_due = TRUE;
}

static void measure(LusOverlay *overlay, const LusImage *frame, gint64 now_ns)
{
  if (!overlay->measuring)
    return;
  lus_room_look(&overlay->room, frame);
  overlay->measured_frames++;
  gint64 span = now_ns - overlay->measured_from_ns;
  if (span < 0 || span >= MEASURE_NS || overlay->measured_frames >= MEASURE_FRAMES) {
    overlay->measuring = FALSE;
    overlay->layout_due = TRUE;
  }
}

static gboolean same_sector(const LusOverlay *overlay, const LusSegmentation *segmentation)
{
  return segmentation->width == overlay->sector_width && segmentation->height == overlay->sector_height &&
         memcmp(&segmentation->rect, &overlay->sector_rect, sizeof overlay->sector_rect) == 0 &&
         memcmp(segmentation->sector, overlay->sector, (gsize)segmentation->width * (gsize)segmentation->height) == 0;
}

/* Looks at the sector of a result; a new one moves everything that depends on it. */
static void learn_sector(LusOverlay *overlay, const LusSegmentation *segmentation, gint64 now_ns)
{
  gsize n = (gsize)segmentation->width * (gsize)segmentation->height;
  if (same_sector(overlay, segmentation))
    return;
  if (n > overlay->sector_size) {
    g_free(overlay->sector);
    overlay->sector = g_try_malloc(n);
    overlay->sector_size = overlay->sector ? n : 0;
  }
  overlay->sector_width = overlay->sector_height = 0;
  forget_marks(overlay);
  if (!overlay->sector || !lus_mask_drawing_set_sector(&overlay->masks, segmentation))
    return;
  memcpy(overlay->sector, segmentation->sector, n);
  overlay->sector_width = segmentation->width;
  overlay->sector_height = segmentation->height;
  overlay->sector_rect = segmentation->rect;
  if (overlay->masks.sector_box.width > 0) {
    lus_corners_find(&overlay->corners, overlay->masks.sector, segmentation->frame_width, overlay->masks.sector_box);
    lus_corners_draw(overlay->marks, &overlay->corners, &overlay->target, overlay->target.height / 180.0);
  }
  start_measuring(overlay, now_ns);
}

static void learn_classes(LusOverlay *overlay, const LusOverlayState *state)
{
  overlay->known.n_classes = MIN(state->segmentation->n_classes, LUS_MAX_CLASSES);
  lus_class_looks(overlay->known.looks, state->segmentation, overlay->target.format == LUS_FORMAT_GRAY8);
  for (int c = 0; state->mask && c < overlay->known.n_classes; c++)
    overlay->known.cut[c] = state->mask->cut[c];
}

static gboolean masks_shown(const LusOverlay *overlay, const LusOverlayState *state, LusStatus status)
{
  if (!state->mask || !state->segmentation || !overlay->masks.sector)
    return FALSE;
  if (status == LUS_STATUS_STALE)
    return overlay->config.stale_policy == LUS_STALE_DIM && state->mask_age_ns <= 3 * overlay->config.expire_ns;
  return status == LUS_STATUS_LIVE || status == LUS_STATUS_SLOW;
}

static void draw_masks(LusOverlay *overlay, LusImage *frame, const LusOverlayState *state, LusStatus status)
{
  MaskKey key;
  memset(&key, 0, sizeof key);
  key.result_number = state->result_number;
  key.pts_ns = state->segmentation->pts_ns;
  key.confidence = state->segmentation->confidence;
  key.planes = state->mask->planes;
  key.rect = state->segmentation->rect;
  memcpy(key.cut, state->mask->cut, sizeof key.cut);
  key.look.style = frame->format == LUS_FORMAT_GRAY8 ? LUS_OVERLAY_CONTOUR : overlay->config.style;
  key.look.stale = status == LUS_STATUS_STALE;
  key.look.opacity = overlay->config.opacity;
  key.look.class_mask = overlay->config.class_mask;
  if (memcmp(&key, &overlay->mask_key, sizeof key) != 0) {
    lus_mask_drawing_update(&overlay->masks, frame, state->segmentation, state->mask, &key.look);
    overlay->mask_key = key;
  }
  lus_tint_draw(&overlay->masks.tint, frame);
  lus_plate_draw(&overlay->masks.contour, frame);
  for (int i = 0; i < LUS_CORNERS; i++)
    lus_plate_draw(&overlay->marks[i], frame);
}

static double mm_per_pixel(const LusImage *frame, const LusOverlayState *state)
{
  return frame->mm_per_pixel > 0 ? frame->mm_per_pixel : state->segmentation ? state->segmentation->mm_per_pixel : 0;
}

/* Zero depth is known where the sector's sides are upright: the hull of a convex probe's picture hides its arc. */
static void fill_depth(LusOverlay *overlay, const LusImage *frame, const LusOverlayState *state)
{
  double mm = mm_per_pixel(frame, state);
  if (mm > 0 && overlay->masks.sector_box.width > 0 && overlay->corners.straight) {
    overlay->content.depth.mm_per_pixel = mm;
    overlay->content.depth.sector = overlay->masks.sector_box;
  }
}

static unsigned wanted_blocks(const LusOverlay *overlay, const LusOverlayState *state)
{
  const LusOverlayConfig *config = &overlay->config;
  unsigned wanted = 1u << LUS_BLOCK_NOTICE;
  if (config->show_status)
    wanted |= 1u << LUS_BLOCK_STATUS;
  if (config->show_legend && overlay->content.legend.n)
    wanted |= 1u << LUS_BLOCK_LEGEND;
  if (config->show_estimate && state->exam && state->exam->present)
    wanted |= 1u << LUS_BLOCK_SF | 1u << LUS_BLOCK_ZONE | 1u << LUS_BLOCK_THORAX | 1u << LUS_BLOCK_OUTLOOK;
  if (overlay->content.depth.mm_per_pixel > 0)
    wanted |= 1u << LUS_BLOCK_DEPTH;
  return wanted;
}

static gboolean same_place(const LusLayout *a, const LusLayout *b, int id)
{
  return a->compact == b->compact && a->u == b->u && a->min_px == b->min_px && a->footer_lines == b->footer_lines &&
         a->slots[id].shown == b->slots[id].shown && a->slots[id].plate == b->slots[id].plate &&
         memcmp(&a->slots[id].rect, &b->slots[id].rect, sizeof a->slots[id].rect) == 0;
}

static void update_layout(LusOverlay *overlay, const LusOverlayState *state)
{
  LusLayoutInput input = {.width = overlay->target.width, .height = overlay->target.height,
                          .wanted = wanted_blocks(overlay, state), .legend_rows = overlay->content.legend.n,
                          .confidence = overlay->config.show_confidence, .sector = overlay->masks.sector_box,
                          .canvas = &overlay->canvas};
  if (!overlay->layout_due && input.wanted == overlay->wanted && input.legend_rows == overlay->legend_rows &&
      input.confidence == overlay->legend_bars)
    return;
  const LusLayout before = overlay->layout;
  memset(&overlay->layout, 0, sizeof overlay->layout);
  if (overlay->has_room) {
    lus_room_sum(&overlay->room, overlay->masks.sector);
    lus_layout_find(&overlay->layout, &input, &overlay->room);
  }
  for (int i = 0; i < LUS_BLOCK_N; i++)
    overlay->is_drawn[i] = overlay->is_drawn[i] && same_place(&before, &overlay->layout, i);
  overlay->wanted = input.wanted;
  overlay->legend_rows = input.legend_rows;
  overlay->legend_bars = input.confidence;
  overlay->layout_due = FALSE;
}

static void render_block(LusOverlay *overlay, LusBlockId id)
{
  const LusSlot *slot = &overlay->layout.slots[id];
  const LusBox *home = &overlay->layout.homes[id];
  LusCanvas *canvas = &overlay->canvas;
  double u = overlay->layout.u;
  lus_plate_empty(&overlay->plates[id]);
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, slot->rect.width, slot->rect.height);
  canvas->cr = cairo_create(surface);
  canvas->u = u;
  canvas->min_px = overlay->layout.min_px;
  cairo_scale(canvas->cr, u, u);
  if (slot->plate) {
    lus_canvas_rounded(canvas, 0, 0, slot->rect.width / u, slot->rect.height / u, 1.4);
    lus_canvas_colour(canvas, lus_ink_colour(LUS_INK_BLACK), 0.72);
    cairo_fill(canvas->cr);
  }
  cairo_translate(canvas->cr, slot->x - slot->rect.x / u - home->x, slot->y - slot->rect.y / u - home->y);
  blocks[id].draw(canvas, &overlay->content, &overlay->layout);
  cairo_destroy(canvas->cr);
  canvas->cr = NULL;
  cairo_surface_flush(surface);
  const void *data = cairo_image_surface_get_data(surface);
  const LusDrawing drawing = {.argb = data, .stride = cairo_image_surface_get_stride(surface) / 4};
  g_clear_pointer(&overlay->texts[id], cairo_surface_destroy);
  if (data && overlay->config.texts_apart) {
    overlay->texts[id] = cairo_surface_reference(surface);
    overlay->serials[id] = ++overlay->serial;
  } else if (data) {
    lus_plate_build(&overlay->plates[id], &overlay->target, &drawing, slot->rect);
  }
  cairo_surface_destroy(surface);
}

static gboolean is_changed(const LusOverlay *overlay, int i)
{
  const char *now = (const char *)&overlay->content, *before = (const char *)&overlay->drawn;
  return !overlay->is_drawn[i] || memcmp(now + blocks[i].at, before + blocks[i].at, blocks[i].size) != 0;
}

static void renew_block(LusOverlay *overlay, int i)
{
  render_block(overlay, i);
  overlay->is_drawn[i] = TRUE;
  memcpy((char *)&overlay->drawn + blocks[i].at, (const char *)&overlay->content + blocks[i].at, blocks[i].size);
}

/* Text costs more than all else: while the status stays, at most one block that stands is drawn anew per frame, in turn.
 * Another status is shown whole, at once. */
static void renew_blocks(LusOverlay *overlay)
{
  gboolean at_once = overlay->content.mark.status != overlay->drawn_status;
  int turn = -1;
  for (int k = 1; k <= LUS_BLOCK_N; k++) {
    int i = (overlay->last_renewed + k) % LUS_BLOCK_N;
    if (!overlay->layout.slots[i].shown || !is_changed(overlay, i))
      continue;
    if (at_once || !overlay->is_drawn[i])
      renew_block(overlay, i);
    else if (turn < 0)
      turn = i;
  }
  if (turn >= 0) {
    renew_block(overlay, turn);
    overlay->last_renewed = turn;
  }
  overlay->drawn_status = overlay->content.mark.status;
}

static void draw_blocks(LusOverlay *overlay, LusImage *frame)
{
  renew_blocks(overlay);
  for (int i = 0; i < LUS_BLOCK_N; i++)
    if (overlay->layout.slots[i].shown && !overlay->config.texts_apart)
      lus_plate_draw(&overlay->plates[i], frame);
}

/* Results of other frame sizes, or that don't fit together, are none. */
static LusOverlayState usable(const LusOverlayState *state, const LusImage *frame)
{
  LusOverlayState out = *state;
  if (out.segmentation &&
      (out.segmentation->frame_width != frame->width || out.segmentation->frame_height != frame->height))
    out.segmentation = NULL;
  if (!out.segmentation || (out.mask && (out.mask->width != out.segmentation->width ||
                                         out.mask->height != out.segmentation->height ||
                                         out.mask->n_classes != out.segmentation->n_classes)))
    out.mask = NULL;
  return out;
}

void lus_overlay_draw(LusOverlay *overlay, LusImage *frame, const LusOverlayState *given)
{
  LusOverlayState state = usable(given, frame);
  LusStatus status = lus_status_shown(&state, &overlay->config);
  gboolean gray = frame->format == LUS_FORMAT_GRAY8;
  if (!same_target(&overlay->target, frame)) {
    lus_overlay_reset(overlay);
    overlay->target = *frame;
    start_measuring(overlay, state.now_ns);
  }
  if (state.segmentation) {
    learn_sector(overlay, state.segmentation, state.now_ns);
    learn_classes(overlay, &state);
  }
  measure(overlay, frame, state.now_ns);
  lus_watch_update(&overlay->watch, &state, status);
  lus_content_fill(&overlay->content, &state, &overlay->config, &overlay->watch, &overlay->known, gray);
  fill_depth(overlay, frame, &state);
  update_layout(overlay, &state);
  if (masks_shown(overlay, &state, status))
    draw_masks(overlay, frame, &state, status);
  draw_blocks(overlay, frame);
}

int lus_overlay_texts(const LusOverlay *overlay, LusOverlayText texts[LUS_OVERLAY_TEXTS])
{
  int n = 0;
  for (int i = 0; overlay->config.texts_apart && i < LUS_BLOCK_N; i++) {
    cairo_surface_t *text = overlay->texts[i];
    if (overlay->layout.slots[i].shown && overlay->is_drawn[i] && text)
      texts[n++] = (LusOverlayText){overlay->layout.slots[i].rect, (const void *)cairo_image_surface_get_data(text),
                                    cairo_image_surface_get_stride(text) / 4, overlay->serials[i]};
  }
  return n;
}
