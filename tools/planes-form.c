/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "results.h"

#include <string.h>

static const char *const forms[] = {"none", "png", "rle", "ffv1"};

int lus_tool_planes_form(const char *name)
{
  for (int i = LUS_PLANES_PNG; i < (int)G_N_ELEMENTS(forms); i++)
    if (g_str_equal(name, forms[i]))
      return i;
  return -1;
}

const char *lus_tool_planes_name(LusPlanesForm form)
{
  return forms[form];
}

int lus_tool_planes_arguments(int argc, char **argv, const char *option)
{
  for (int i = 1; i < argc && !g_str_equal(argv[i], "--"); i++) {
    if (!g_str_equal(argv[i], option))
      continue;
    /* A bare word that is no file is a form too, an unknown one. */
    gboolean told = i + 1 < argc && (lus_tool_planes_form(argv[i + 1]) >= 0 ||
                                     (argv[i + 1][0] != '\0' && !strpbrk(argv[i + 1], "-./*?[") &&
                                      !g_file_test(argv[i + 1], G_FILE_TEST_EXISTS)));
    argv[i] = g_strdup_printf("%s=%s", option, told ? argv[i + 1] : forms[LUS_PLANES_PNG]);
    if (told) {
      argc--;
      memmove(argv + i + 1, argv + i + 2, (gsize)(argc - i) * sizeof *argv); /* with the NULL at the end */
    }
  }
  return argc;
}
