/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/rle.h"

typedef struct {
  GString *out;
  gint64 run;       /* length so far */
  gint64 before[2]; /* the last two runs, older first */
  int n;
  gboolean inside;
} Writer;

static void append_number(GString *out, gint64 value)
{
  gboolean more = TRUE;
  while (more) {
    int bits = (int)(value & 31);
    value >>= 5; /* arithmetic: keeps the sign */
    more = bits & 16 ? value != -1 : value != 0;
    g_string_append_c(out, (char)('0' + (bits | (more ? 32 : 0))));
  }
}

static void end_run(Writer *writer)
{
  append_number(writer->out, writer->n > 2 ? writer->run - writer->before[0] : writer->run);
  writer->before[0] = writer->before[1];
  writer->before[1] = writer->run;
  writer->n++;
  writer->run = 0;
}

void lus_rle_append(GString *out, const guint8 *plane, int width, int height)
{
  Writer writer = {.out = out};
  for (int x = 0; x < width; x++) {
    const guint8 *pixel = plane + x;
    for (int y = 0; y < height; y++, pixel += width) {
      if ((*pixel != 0) != writer.inside) {
        end_run(&writer);
        writer.inside = !writer.inside;
      }
      writer.run++;
    }
  }
  end_run(&writer);
}
