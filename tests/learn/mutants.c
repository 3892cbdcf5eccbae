/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** 1,000 damaged files per importer, the same ones each time: each is read, or refused with an error that names the file, in
 *  less than a second and without asking for memory that the file doesn't warrant. */
#include "annotations.h"
#include "clips.h"
#include "folder.h"
#include "learn/annotation.h"
#include "learn/import.h"
#include "nn/rng.h"

#include <sys/resource.h>
#include <time.h>
#include <zlib.h>

#define MUTANTS 1000
#define SECONDS 1.0
#define MEMORY ((rlim_t)256 << 20) /* on top of what the process has */

#if defined __SANITIZE_ADDRESS__
#define ADDRESS_SANITIZER 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

#ifdef ADDRESS_SANITIZER
/** Its own address space is too large for a limit; it has its own for single requests. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "max_allocation_size_mb=64";
}
#endif

/** An address space that leaves no room for what a damaged number asks for. */
static void limit_memory(void)
{
#ifndef ADDRESS_SANITIZER
  unsigned long pages = 0;
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint(sscanf(text, "%lu", &pages), ==, 1);
  rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY;
  g_assert_cmpint(setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}), ==, 0);
#endif
}

static double cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void put(const char *path, const void *data, gsize length)
{
  g_unlink(path); /* without fsync an older file would only be overwritten, not cut */
  g_assert_true(g_file_set_contents_full(path, data, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0666, NULL));
}

static void flip(GByteArray *bytes, LusRng *rng)
{
  for (guint k = 0, n = 1 + lus_rng_below(rng, 3); k < n && bytes->len; k++)
    bytes->data[lus_rng_below(rng, bytes->len)] ^= (guint8)(1 << lus_rng_below(rng, 8));
}

static void cut(GByteArray *bytes, LusRng *rng)
{
  g_byte_array_set_size(bytes, lus_rng_below(rng, bytes->len));
}

/** Replaces @length bytes from @start on. */
static void splice(GByteArray *bytes, guint start, guint length, const void *data, guint n)
{
  GByteArray *out = g_byte_array_new();
  g_byte_array_append(out, bytes->data, start);
  g_byte_array_append(out, data, n);
  g_byte_array_append(out, bytes->data + start + length, bytes->len - start - length);
  g_byte_array_set_size(bytes, 0);
  g_byte_array_append(bytes, out->data, out->len);
  g_byte_array_unref(out);
}

static gboolean is_word(guint8 c)
{
  return g_ascii_isalnum(c) || strchr("_.-@", c) != NULL;
}

/** A token: a word, or any other character; @numbers: a word that begins like a number, if there is one. */
static guint token(const GByteArray *bytes, guint *start, gboolean numbers, LusRng *rng)
{
  guint at = lus_rng_below(rng, bytes->len), end;
  for (guint k = 0; numbers && k < bytes->len; k++, at = (at + 1) % bytes->len)
    if (g_ascii_isdigit(bytes->data[at]) && (at == 0 || !is_word(bytes->data[at - 1]) || bytes->data[at - 1] == '-'))
      break;
  while (at > 0 && is_word(bytes->data[at]) && is_word(bytes->data[at - 1]))
    at--;
  for (end = at + 1; end < bytes->len && is_word(bytes->data[at]) && is_word(bytes->data[end]);)
    end++;
  *start = at;
  return end - at;
}

static void change_number(GByteArray *bytes, LusRng *rng)
{
  static const char *const values[] = {
    "-1", "0", "-0.0", "0.5", "101", "8193", "1000000", "2147483647", "2147483648", "-2147483649", "4294967296", "1e9",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1e38", "-1e308", "1e309",
    "1e-320", "NaN", "nan", "-inf", "Infinity", "0x10", "1,5", "null", "true", "\"\"", "[]", "{}", ""};
  guint start, n = token(bytes, &start, TRUE, rng);
  const char *value = values[lus_rng_below(rng, G_N_ELEMENTS(values))];
  splice(bytes, start, n, value, (guint)strlen(value));
}

/** Puts a token in the place of another, which goes to its place, away, or stays as well. */
static void swap_tokens(GByteArray *bytes, LusRng *rng)
{
  guint a, b, na = token(bytes, &a, FALSE, rng), nb = token(bytes, &b, FALSE, rng);
  g_autofree guint8 *first = g_memdup2(bytes->data + a, na), *second = g_memdup2(bytes->data + b, nb);
  guint kind = lus_rng_below(rng, 4);
  if (a >= b + nb || kind == 0) { /* the later one first, so that the places hold */
    splice(bytes, a, na, second, nb);
    if (kind > 1 && a >= b + nb)
      splice(bytes, b, nb, first, na);
  } else {
    splice(bytes, b, nb, first, kind == 1 ? 0 : na);
    if (kind == 3 && b >= a + na)
      splice(bytes, a, na, second, nb);
  }
}

static void mutate_text(GByteArray *bytes, LusRng *rng)
{
  static void (*const ways[])(GByteArray *bytes, LusRng *rng) = {flip, cut, change_number, change_number, swap_tokens,
                                                                 swap_tokens};
  for (guint k = 0, n = lus_rng_below(rng, 4) ? 1 : 3; k < n && bytes->len > 0; k++)
    ways[lus_rng_below(rng, G_N_ELEMENTS(ways))](bytes, rng);
}

static guint32 read_number(const guint8 *at)
{
  guint32 value;
  memcpy(&value, at, sizeof value);
  return GUINT32_FROM_BE(value);
}

static void write_number(guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE(value);
  memcpy(at, &value, sizeof value);
}

/** Start of the chunk behind the one at @at, or 0 where that is none. */
static guint next_chunk(const GByteArray *png, guint at)
{
  if (at + 12 > png->len || read_number(png->data + at) > png->len - at - 12)
    return 0;
  return at + 12 + read_number(png->data + at);
}

static void mend_checksums(GByteArray *png)
{
  for (guint at = 8, next; (next = next_chunk(png, at)) > 0; at = next)
    write_number(png->data + next - 4, (guint32)crc32(0, png->data + at + 4, next - at - 8));
}

/** A chunk twice, or missing, or one of the header's numbers. */
static void change_chunk(GByteArray *png, LusRng *rng)
{
  static const guint32 sizes[] = {0, 1, 15, 16, 31, 41, 8192, 8193, 65536, 0x7fffffff, 0x80000000, 0xffffffff};
  guint way = lus_rng_below(rng, 4), at = 8;
  for (guint k = lus_rng_below(rng, 4); k > 0 && next_chunk(png, at) > 0 && next_chunk(png, at) < png->len; k--)
    at = next_chunk(png, at);
  guint n = MAX(next_chunk(png, at), at) - at;
  if (png->len < 33)
    return;
  if (way == 0) {
    splice(png, at, n, "", 0);
  } else if (way == 1) {
    g_autofree guint8 *chunk = g_memdup2(png->data + at, n);
    splice(png, at, 0, chunk, n);
  } else if (way == 2) {
    write_number(png->data + 16 + 4 * lus_rng_below(rng, 2), sizes[lus_rng_below(rng, G_N_ELEMENTS(sizes))]);
  } else {
    png->data[24 + lus_rng_below(rng, 5)] = (guint8)(1 << lus_rng_below(rng, 5)); /* depth, colour, ..., interlacing */
  }
}

static void mutate_png(GByteArray *png, LusRng *rng)
{
  static void (*const ways[])(GByteArray *bytes, LusRng *rng) = {flip, flip, cut, change_chunk, change_chunk};
  for (guint k = 0, n = lus_rng_below(rng, 4) ? 1 : 2; k < n && png->len > 0; k++)
    ways[lus_rng_below(rng, G_N_ELEMENTS(ways))](png, rng);
  if (lus_rng_below(rng, 4) > 0)
    mend_checksums(png);
}

/** Draws what was read on the first and last frame of each region, and puts some of it into a data set. */
static void use(const Fixture *f, const LusRegions *regions, gboolean write, GError **error)
{
  for (guint k = 0; k < regions->list->len; k++) {
    guint8 plane[40 * 32] = {0};
    const LusRegion *r = &g_array_index(regions->list, LusRegion, k);
    lus_region_draw(r, plane, 40, 32, r->frame, NULL);
    lus_region_draw(r, plane, 40, 32, r->last, NULL);
  }
  g_autofree char *clip = g_build_filename(f->folder, "P1_d1_R1.mkv", NULL);
  g_autofree char *path = g_build_filename(f->folder, "data", NULL);
  char *clips[] = {clip, NULL};
  LusImportTarget target = {.path = path, .clips = clips, .partial = TRUE, .replace = TRUE, .open = text_source_open};
  LusImportResult result;
  put(clip, "40x32 6", 7);
  if (write)
    g_assert_true(lus_import_write(&result, regions, &target, error) == (*error == NULL));
}

/** Imports @path, or loads it as a data set's manifest. */
static gboolean import(const Fixture *f, const char *format, const char *path, gboolean write, GError **error)
{
  if (g_str_equal(format, "dataset")) {
    g_autoptr(LusDataset) dataset = lus_dataset_load(f->folder, error);
    return dataset != NULL;
  }
  LusImportConfig config = {.mm_per_pixel = 0.5, .annotator = "anna"};
  g_autoptr(LusRegions) regions = lus_regions_new();
  GError *problem = NULL;
  if (!lus_import_read(regions, format, path, &config, error))
    return FALSE;
  use(f, regions, write, &problem);
  if (problem && (problem->code == LUS_ERROR_MEMORY || !strstr(problem->message, f->folder)))
    g_error("%s: '%s'", format, problem->message);
  g_clear_error(&problem);
  return TRUE;
}

/** All mutants of a good file. @file, in the folder, is what is damaged, @path what is imported. */
static void run(const Fixture *f, const char *format, const char *file, const char *path, const GByteArray *good,
                void (*mutate)(GByteArray *bytes, LusRng *rng))
{
  GError *error = NULL;
  int refused = 0;
  double slowest = 0;
  put(file, good->data, good->len);
  g_assert_true(import(f, format, path, TRUE, &error));
  for (int i = 0; i < MUTANTS; i++) {
    LusRng rng;
    lus_rng_init(&rng, g_str_hash(file + strlen(f->folder)), (guint64)i);
    g_autoptr(GByteArray) bytes = g_byte_array_append(g_byte_array_new(), good->data, good->len);
    mutate(bytes, &rng);
    put(file, bytes->data, bytes->len);
    double start = cpu_seconds();
    gboolean ok = import(f, format, path, i % 64 == 0, &error);
    slowest = MAX(slowest, cpu_seconds() - start);
    refused += !ok;
    const char *named = error ? strstr(error->message, file) : NULL;
    if (ok != (error == NULL) || (error && (!named || named[strlen(file)] != ':' || error->code == LUS_ERROR_MEMORY)))
      g_error("%s, mutant %d: '%s'", file, i, error ? error->message : "no error");
    g_clear_error(&error);
  }
  g_unlink(file);
  g_test_message("%d of %d refused, %.3f s for the slowest", refused, MUTANTS, slowest);
  g_assert_cmpint(refused, >, MUTANTS / 4);
  g_assert_cmpint(refused, <, MUTANTS);
  g_assert_cmpfloat(slowest, <, SECONDS);
}

static void test_text(Fixture *f, gconstpointer data)
{
  gsize i = (gsize)GPOINTER_TO_SIZE(data);
  g_autofree char *path = g_build_filename(f->folder, sources[i].file, NULL);
  g_autoptr(GByteArray) good = g_byte_array_new();
  g_byte_array_append(good, (const guint8 *)sources[i].text, (guint)strlen(sources[i].text));
  run(f, sources[i].format, path, path, good, mutate_text);
}

static void test_task(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *path = g_build_filename(f->folder, "annotations.json", NULL);
  g_autofree char *task = g_build_filename(f->folder, "task.json", NULL);
  g_autoptr(GByteArray) good = g_byte_array_new();
  g_byte_array_append(good, (const guint8 *)cvat_task, (guint)strlen(cvat_task));
  put(path, cvat_json, strlen(cvat_json));
  run(f, "cvat", task, path, good, mutate_text);
}

static void test_manifest(Fixture *f, gconstpointer data)
{
  static const char text[] =
    "{\"version\": 1, \"licence\": \"CC0\", \"classes\": [\"pleural_line\", \"fascia_band\"], \"patients\": [\"P1\", \"P2\", "
    "\"P3\"], \"splits\": {\"train\": [\"P1\"], \"validation\": [\"P2\"], \"test\": [\"P3\"]}, \"clips\": [{\"file\": "
    "\"clips/P1_d1_R1.mkv\", \"patient\": \"P1\", \"day\": 1, \"zone\": \"R1\"}]}";
  (void)data;
  g_autofree char *path = g_build_filename(f->folder, "dataset.json", NULL);
  g_autoptr(GByteArray) good = g_byte_array_append(g_byte_array_new(), (const guint8 *)text, sizeof text - 1);
  run(f, "dataset", path, path, good, mutate_text);
}

typedef struct {
  const char *format, *file;
  int channels; /* 0: a label of 16 bits */
} Picture;

static void test_picture(Fixture *f, gconstpointer data)
{
  const Picture *p = data;
  guint8 pixels[40 * 32 * 4];
  for (int i = 0; i < (int)sizeof pixels; i++)
    pixels[i] = (guint8)(p->channels == 0 ? i / 40 % 101 : p->channels == 1 ? i / 400 : i / 20);
  g_autofree char *path = g_build_filename(f->folder, p->file, NULL), *text = NULL;
  g_assert_true(p->channels ? lus_png_write(path, pixels, 40, 32, 40 * p->channels, p->channels, NULL)
                            : lus_label_write(path, pixels, 40, 32, NULL));
  gsize length = 0;
  g_assert_true(g_file_get_contents(path, &text, &length, NULL));
  g_autoptr(GByteArray) good = g_byte_array_append(g_byte_array_new(), (const guint8 *)text, (guint)length);
  run(f, p->format, path, path, good, mutate_png);
}

int main(int argc, char **argv)
{
  static const Picture pictures[] = {{"layers", "P1_d1_R1_frame000003.pleural_line.png", 4},
                                     {"masks", "P1_d1_R1_frame000003.pleural_line.png", 0},
                                     {"masks", "P1_d1_R1_frame000003.vertical_line.png", 1},
                                     {"masks", "P1_d1_R1_frame000003_mask.png", 1}};
  if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv("TMPDIR", "/dev/shm", TRUE); /* 26,000 files and some syncs: what a disk makes of them is not the question */
  g_test_init(&argc, &argv, NULL);
  limit_memory();
  for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
    g_autofree char *name = g_strconcat("/mutants/", sources[i].name, NULL);
    g_test_add(name, Fixture, GSIZE_TO_POINTER(i), set_up, test_text, tear_down);
  }
  g_test_add("/mutants/cvat-task", Fixture, NULL, set_up, test_task, tear_down);
  g_test_add("/mutants/dataset", Fixture, NULL, set_up, test_manifest, tear_down);
  for (gsize i = 0; i < G_N_ELEMENTS(pictures); i++) {
    g_autofree char *name = g_strdup_printf("/mutants/%s-%d", pictures[i].format, (int)i);
    g_test_add(name, Fixture, &pictures[i], set_up, test_picture, tear_down);
  }
  return g_test_run();
}
