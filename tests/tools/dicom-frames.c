/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every picture of a DICOM file as the program reads it, as PNM files like those of DCMTK's dcmj2pnm: dicom-frames FILE PREFIX;
 * and what is known of it on stdout. Ends with 1 and the message where it is refused.
 * dicom-frames --each FILE...: one line for each, what becomes of it; nothing is written. */
#include "dicom.h"

#include <stdio.h>

static gboolean write_picture(const LusDicomInfo *info, const guint8 *picture, const char *path)
{
  FILE *out = fopen(path, "wb");
  gsize bytes = (gsize)info->width * (gsize)info->height * (info->colour ? 3 : 1);
  if (!out)
    return FALSE;
  fprintf(out, "P%d\n%d %d\n255\n", info->colour ? 6 : 5, info->width, info->height);
  gboolean ok = fwrite(picture, 1, bytes, out) == bytes;
  return fclose(out) == 0 && ok;
}

static gboolean write_pictures(LusDicom *dicom, const char *prefix, GError **error)
{
  const LusDicomInfo *info = lus_dicom_info(dicom);
  for (int i = 0; i < info->stored; i++) {
    g_autofree char *path = g_strdup_printf("%s.%d.pnm", prefix, i);
    const guint8 *picture = lus_dicom_read(dicom, error);
    if (!picture)
      return FALSE;
    if (!write_picture(info, picture, path)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write", path);
      return FALSE;
    }
  }
  return TRUE;
}

static void tell(const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusDicom) dicom = lus_dicom_open(path, &error);
  int read = 0;
  while (dicom && read < lus_dicom_info(dicom)->stored && lus_dicom_read(dicom, &error))
    read++;
  if (error)
    printf("%s\n", error->message);
  else
    printf("%s: %d frames read\n", path, read);
}

int main(int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  if (argc > 2 && g_str_equal(argv[1], "--each")) {
    for (int i = 2; i < argc; i++)
      tell(argv[i]);
    return 0;
  }
  if (argc != 3)
    return 2;
  g_autoptr(LusDicom) dicom = lus_dicom_open(argv[1], &error);
  if (dicom) {
    const LusDicomInfo *info = lus_dicom_info(dicom);
    printf("%dx%d frames %d of %d, colour %d, frame_ms %g, last_ms %g, mm %g, region %d,%d %dx%d\n", info->width,
           info->height, info->stored, info->frames, info->colour, info->frame_ms,
           info->times_ms ? info->times_ms[info->frames - 1] : 0, info->mm_per_pixel, info->region.x, info->region.y,
           info->region.width, info->region.height);
    if (write_pictures(dicom, argv[2], &error))
      return 0;
  }
  fprintf(stderr, "%s\n", error->message);
  return 1;
}
