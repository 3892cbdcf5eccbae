/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>
#include <zlib.h>

#define SIDE_MIN 16
#define SIDE_MAX 8192
#define MAX_FILE_BYTES ((gsize)256 << 20)
#define IGNORE 255
#define QUICK 1 /* zlib's levels */
#define SMALL 6
#define MAX_DEFLATE 1032 /* bytes that one can stand for (zlib, technical details); checked before memory is asked for */

/** One PNG being read or written. libpng leaves on an error by longjmp; all that must survive it lives in here. */
typedef struct {
  const char *path;
  png_structp png;
  png_infop info;
  jmp_buf jump;
  char message[160];
  const guint8 *data; /* reading: the file */
  gsize length, position;
  GByteArray *out; /* writing */
  int channels;   /* reading: 4 any picture as RGBA, 1 numbers (grey or palette), 0 grey labels */
  guint8 *pixels; /* reading: 16-bit big-endian or 8-bit grey; writing: the rows' first byte */
  png_bytep *rows;
} Png;

static void on_error(png_structp png, png_const_charp message)
{
  Png *self = png_get_error_ptr(png);
  g_strlcpy(self->message, message, sizeof self->message);
  longjmp(self->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
  (void)png;
  (void)message;
}

static void read_bytes(png_structp png, png_bytep out, png_size_t n)
{
  Png *self = png_get_io_ptr(png);
  if (n > self->length - self->position)
    png_error(png, "the file ends too early");
  memcpy(out, self->data + self->position, n);
  self->position += n;
}

static void write_bytes(png_structp png, png_bytep data, png_size_t n)
{
  Png *self = png_get_io_ptr(png);
  g_byte_array_append(self->out, data, (guint)n);
}

static void flush_bytes(png_structp png)
{
  (void)png;
}

static gboolean out_of_memory(const char *path, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for the picture", path);
  return FALSE;
}

/** Makes libpng deliver what self->channels says. */
static gboolean set_transforms(Png *self, GError **error)
{
  int colour = png_get_color_type(self->png, self->info), depth = png_get_bit_depth(self->png, self->info);
  if (self->channels == 4) {
    png_set_expand(self->png);
    png_set_strip_16(self->png);
    png_set_gray_to_rgb(self->png);
    png_set_filler(self->png, 255, PNG_FILLER_AFTER);
    return TRUE;
  }
  if (self->channels == 1 && colour == PNG_COLOR_TYPE_PALETTE) {
    png_set_packing(self->png);
    return TRUE;
  }
  if (colour != PNG_COLOR_TYPE_GRAY) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "%s: not a grey PNG; save labels as 8- or 16-bit grey without alpha or palette", self->path);
    return FALSE;
  }
  if (self->channels == 1) {
    png_set_packing(self->png);
  } else if (depth < 8) {
    png_set_expand_gray_1_2_4_to_8(self->png);
  }
  return TRUE;
}

/** Header, limits, and conversion to plain 8- or 16-bit grey. FALSE with @error, or a jump. */
static gboolean read_header(Png *self, int *width, int *height, int *bytes, GError **error)
{
  png_read_info(self->png, self->info);
  png_uint_32 w = png_get_image_width(self->png, self->info), h = png_get_image_height(self->png, self->info);
  if (w < SIDE_MIN || h < SIDE_MIN || w > SIDE_MAX || h > SIDE_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: %u x %u pixels; labels have sides of %d to %d", self->path, w,
                h, SIDE_MIN, SIDE_MAX);
    return FALSE;
  }
  if (png_get_rowbytes(self->png, self->info) * h / MAX_DEFLATE > self->length)
    png_error(self->png, "the file is too short for its picture");
  if (!set_transforms(self, error))
    return FALSE;
  png_set_interlace_handling(self->png);
  png_read_update_info(self->png, self->info);
  *width = (int)w;
  *height = (int)h;
  *bytes = (int)(png_get_rowbytes(self->png, self->info) / w);
  return TRUE;
}

/** Decodes into self->pixels. */
static gboolean read_pixels(Png *self, int *width, int *height, int *bytes, GError **error)
{
  if (setjmp(self->jump)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: damaged PNG (%s); write the file again", self->path,
                self->message);
    return FALSE;
  }
  if (!read_header(self, width, height, bytes, error))
    return FALSE;
  gsize row = (gsize)*width * *bytes;
  self->pixels = g_try_malloc_n(*height, row);
  self->rows = g_try_new(png_bytep, *height);
  if (!self->pixels || !self->rows)
    return out_of_memory(self->path, error);
  for (int y = 0; y < *height; y++)
    self->rows[y] = self->pixels + y * row;
  png_read_image(self->png, self->rows);
  png_read_end(self->png, NULL);
  return TRUE;
}

/** FALSE if a chunk says that it holds more than the file does: libpng clears memory for all of it before it reads. */
static gboolean chunks_fit(const guint8 *data, gsize length)
{
  for (gsize at = 8; at + 8 <= length && memcmp(data + at + 4, "IEND", 4) != 0;) {
    guint32 n;
    memcpy(&n, data + at, sizeof n);
    if (GUINT32_FROM_BE(n) > length - at)
      return FALSE;
    at += (gsize)GUINT32_FROM_BE(n) + 12;
  }
  return TRUE;
}

/** Reads a PNG as @channels says (Png): *@bytes per pixel, 2 of 16-bit grey (big endian). Newly allocated, or NULL. */
static guint8 *read_png(const char *path, int channels, int *width, int *height, int *bytes, GError **error)
{
  gsize length = 0;
  g_autofree guint8 *data = lus_file_read(path, MAX_FILE_BYTES, &length, error);
  if (!data)
    return NULL;
  if (length < 8 || png_sig_cmp(data, 0, 8) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: not a PNG file; labels are %s PNG", path,
                channels == 4 ? "RGBA" : "8- or 16-bit grey");
    return NULL;
  }
  if (!chunks_fit(data, length)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: damaged PNG (a part of it is longer than the file); write the "
                "file again", path);
    return NULL;
  }
  Png self = {.path = path, .data = data, .length = length, .channels = channels};
  self.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &self, on_error, on_warning);
  if (self.png)
    self.info = png_create_info_struct(self.png);
  gboolean ok = FALSE;
  if (self.info) {
    png_set_user_limits(self.png, SIDE_MAX * 4, SIDE_MAX * 4); /* ours come first and have the clearer message */
    png_set_chunk_malloc_max(self.png, 1 << 20);
    png_set_chunk_cache_max(self.png, 64);
    png_set_read_fn(self.png, &self, read_bytes);
    ok = read_pixels(&self, width, height, bytes, error);
  } else {
    out_of_memory(path, error);
  }
  png_destroy_read_struct(&self.png, &self.info, NULL);
  g_free(self.rows);
  if (!ok)
    g_clear_pointer(&self.pixels, g_free);
  return self.pixels;
}

/** "frame000000.vertical_line.png" -> "frame000000.vertical_line.ignore.png" */
static char *ignore_path(const char *path)
{
  gsize length = strlen(path);
  if (g_str_has_suffix(path, ".png"))
    length -= 4;
  return g_strdup_printf("%.*s.ignore.png", (int)length, path);
}

static gboolean read_ignored(guint8 *percent, const char *path, int width, int height, GError **error)
{
  g_autofree char *file = ignore_path(path);
  if (!g_file_test(file, G_FILE_TEST_EXISTS))
    return TRUE;
  int w = 0, h = 0, bytes = 0;
  g_autofree guint8 *pixels = read_png(file, 0, &w, &h, &bytes, error);
  if (!pixels)
    return FALSE;
  if (w != width || h != height) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %d x %d pixels, but the label it belongs to has %d x %d",
                file, w, h, width, height);
    return FALSE;
  }
  for (gsize i = 0; i < (gsize)width * height; i++)
    if (pixels[i * bytes] >= 128)
      percent[i] = IGNORE;
  return TRUE;
}

guint8 *lus_label_read(const char *path, int *width, int *height, GError **error)
{
  int bytes = 0;
  g_autofree guint8 *pixels = read_png(path, 0, width, height, &bytes, error);
  if (!pixels)
    return NULL;
  gsize n = (gsize)*width * *height;
  g_autofree guint8 *percent = g_try_malloc(n);
  if (!percent) {
    out_of_memory(path, error);
    return NULL;
  }
  for (gsize i = 0; i < n; i++)
    percent[i] = bytes == 2 ? (guint8)(((pixels[2 * i] * 256 + pixels[2 * i + 1]) * 100 + 32767) / 65535)
                            : (guint8)((pixels[i] * 100 + 127) / 255);
  if (!read_ignored(percent, path, *width, *height, error))
    return NULL;
  return g_steal_pointer(&percent);
}

guint8 *lus_png_read(const char *path, int channels, int *width, int *height, GError **error)
{
  int bytes = 0;
  g_autofree guint8 *pixels = read_png(path, channels, width, height, &bytes, error);
  gsize n = pixels && channels == 1 && bytes == 2 ? (gsize)*width * *height : 0;
  for (gsize i = 0; i < n; i++) { /* numbers of 16 bits */
    if (pixels[2 * i] > 0) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: number %d at pixel %d, %d; numbers are 0 to 255", path,
                  pixels[2 * i] * 256 + pixels[2 * i + 1], (int)(i % (gsize)*width), (int)(i / (gsize)*width));
      return NULL;
    }
    pixels[i] = pixels[2 * i + 1];
  }
  return g_steal_pointer(&pixels);
}

/** Encodes self->rows into self->out. */
static gboolean write_rows(Png *self, int width, int height, int depth, int colour, GError **error)
{
  if (setjmp(self->jump)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: cannot encode PNG (%s)", self->path, self->message);
    return FALSE;
  }
  png_set_IHDR(self->png, self->info, (png_uint_32)width, (png_uint_32)height, depth, colour, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(self->png, self->info);
  png_write_image(self->png, self->rows);
  png_write_end(self->png, NULL);
  return TRUE;
}

/** @pixels are only read; libpng's interface lacks the const. @level: of compression, 1 to 9. */
static GByteArray *encode_png(const char *path, guint8 *pixels, int width, int height, gsize stride, int depth, int colour,
                              int level, GError **error)
{
  Png self = {.path = path};
  self.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &self, on_error, on_warning);
  if (self.png)
    self.info = png_create_info_struct(self.png);
  self.rows = g_try_new(png_bytep, height);
  gboolean ok = FALSE;
  self.out = g_byte_array_new();
  if (self.info && self.rows) {
    for (int y = 0; y < height; y++)
      self.rows[y] = pixels + y * stride;
    png_set_write_fn(self.png, &self, write_bytes, flush_bytes);
    png_set_compression_level(self.png, level);
    if (level == QUICK && colour == PNG_COLOR_TYPE_GRAY) { /* planes with much of one value: runs are found soonest */
      png_set_filter(self.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
      png_set_compression_strategy(self.png, Z_RLE);
    }
    ok = write_rows(&self, width, height, depth, colour, error);
  } else {
    out_of_memory(path, error);
  }
  png_destroy_write_struct(&self.png, &self.info);
  g_free(self.rows);
  if (!ok)
    g_clear_pointer(&self.out, g_byte_array_unref);
  return self.out;
}

static gboolean write_png(const char *path, guint8 *pixels, int width, int height, gsize stride, int depth, int colour,
                          GError **error)
{
  g_autoptr(GByteArray) png = encode_png(path, pixels, width, height, stride, depth, colour, SMALL, error);
  return png && lus_file_write(path, png->data, png->len, error);
}

static gboolean check_size(const char *path, int width, int height, int smallest, GError **error)
{
  if (width >= smallest && height >= smallest && width <= SIDE_MAX && height <= SIDE_MAX)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: cannot write a PNG of %d x %d pixels; sides are %d to %d", path,
              width, height, smallest, SIDE_MAX);
  return FALSE;
}

/** The second file, or its removal where nothing is ignored. */
static gboolean write_ignored(const char *path, const guint8 *percent, int width, int height, gboolean any,
                              GError **error)
{
  g_autofree char *file = ignore_path(path);
  if (!any) {
    if (g_unlink(file) == 0 || errno == ENOENT)
      return TRUE;
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot remove: %s", file, g_strerror(errno));
    return FALSE;
  }
  gsize n = (gsize)width * height;
  g_autofree guint8 *plane = g_try_malloc(n);
  if (!plane)
    return out_of_memory(file, error);
  for (gsize i = 0; i < n; i++)
    plane[i] = percent[i] == IGNORE ? 255 : 0;
  return write_png(file, plane, width, height, (gsize)width, 8, PNG_COLOR_TYPE_GRAY, error);
}

gboolean lus_label_write(const char *path, const guint8 *percent, int width, int height, GError **error)
{
  if (!check_size(path, width, height, SIDE_MIN, error))
    return FALSE;
  gsize n = (gsize)width * height;
  gboolean any_ignored = FALSE;
  g_autofree guint8 *grey = g_try_malloc_n(n, 2);
  if (!grey)
    return out_of_memory(path, error);
  for (gsize i = 0; i < n; i++) {
    if (percent[i] > 100 && percent[i] != IGNORE) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: label %d at pixel %d, %d is neither 0 to 100 nor %d",
                  path, percent[i], (int)(i % width), (int)(i / width), IGNORE);
      return FALSE;
    }
    any_ignored = any_ignored || percent[i] == IGNORE;
    guint value = percent[i] == IGNORE ? 0 : (percent[i] * 65535u + 50u) / 100u;
    grey[2 * i] = (guint8)(value >> 8);
    grey[2 * i + 1] = (guint8)value;
  }
  return write_ignored(path, percent, width, height, any_ignored, error) &&
         write_png(path, grey, width, height, (gsize)width * 2, 16, PNG_COLOR_TYPE_GRAY, error);
}

static gboolean check_png(const char *path, int width, int height, int channels, GError **error)
{
  if (channels == 1 || channels == 3 || channels == 4)
    return check_size(path, width, height, 1, error);
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: cannot write a PNG of %d channels; 1, 3 or 4", path, channels);
  return FALSE;
}

static int colour_type(int channels)
{
  return channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGBA;
}

GByteArray *lus_png_encode(const char *path, const guint8 *pixels, int width, int height, int stride, int channels,
                           GError **error)
{
  if (!check_png(path, width, height, channels, error))
    return NULL;
  return encode_png(path, (guint8 *)pixels, width, height, (gsize)stride, 8, colour_type(channels), QUICK, error);
}

gboolean lus_png_write(const char *path, const guint8 *pixels, int width, int height, int stride, int channels,
                       GError **error)
{
  return check_png(path, width, height, channels, error) &&
         write_png(path, (guint8 *)pixels, width, height, (gsize)stride, 8, colour_type(channels), error);
}
