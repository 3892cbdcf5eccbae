/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lung/overlay-palette.h"
#include "lung/overlay-parts.h"

/* Colour means class and nothing else. Amber, cyan and violet stay apart for all common kinds of colour vision
 * (docs/display.md has the distances); no red, no blue: those mean flow. */
typedef struct {
  const char *class_name, *name, *short_name;
  LusColour colour;
  guint8 gray;
  double width, opacity;
  int order;
} Look;

static const Look known[] = {
  {"pleural_line", "Pleural line", "Pleural", {255, 190, 40}, 235, 0.5, 1.0, 4},
  {"fascia_band", "Fascia band", "Fascia", {150, 120, 255}, 140, 0.33, 0.85, 0},
  {"vertical_line", "Vertical line (B-line)", "B-line", {70, 225, 255}, 190, 0.42, 0.95, 1},
  {"a_line", "A-line", "A-line", {232, 236, 240}, 165, 0.33, 0.7, 3},
};
/* Classes we have no word for: salmon, green, then the texts' grey. */
static const Look others[] = {
  {NULL, NULL, NULL, {255, 128, 104}, 215, 0.42, 0.95, 2},
  {NULL, NULL, NULL, {120, 220, 110}, 120, 0.42, 0.95, 2},
  {NULL, NULL, NULL, {232, 234, 237}, 234, 0.42, 0.95, 2},
};

static const LusColour inks[] = {
  [LUS_INK_TEXT1] = {232, 234, 237}, [LUS_INK_TEXT2] = {170, 175, 181}, [LUS_INK_LINE] = {112, 118, 125},
  [LUS_INK_PLATE] = {16, 18, 20}, [LUS_INK_DONE] = {158, 163, 169}, [LUS_INK_PART] = {100, 105, 111},
  [LUS_INK_OPEN] = {30, 33, 37}, [LUS_INK_TRACK] = {58, 62, 67}, [LUS_INK_BLACK] = {0, 0, 0},
};

LusColour lus_ink_colour(LusInk ink)
{
  return inks[ink];
}

static void spell(char *out, gsize size, const char *class_name)
{
  g_strlcpy(out, class_name, size);
  g_strdelimit(out, "_", ' ');
  out[0] = g_ascii_toupper(out[0]);
}

static const Look *find_look(const char *class_name)
{
  for (guint k = 0; k < G_N_ELEMENTS(known); k++)
    if (strcmp(known[k].class_name, class_name) == 0)
      return &known[k];
  return NULL;
}

void lus_class_colour(guint8 rgb[3], const char *class_name)
{
  const Look *look = find_look(class_name);
  LusColour colour = look ? look->colour : others[0].colour;
  rgb[0] = colour.r;
  rgb[1] = colour.g;
  rgb[2] = colour.b;
}

char *lus_class_title(const char *class_name)
{
  const Look *look = find_look(class_name);
  char name[40];
  spell(name, sizeof name, class_name);
  return g_strdup(look ? look->name : name);
}

void lus_class_looks(LusClassLook looks[LUS_MAX_CLASSES], const LusSegmentation *segmentation, gboolean gray)
{
  const LusModelInfo *info = segmentation->model ? lus_model_info(segmentation->model) : NULL;
  guint n_others = 0;
  memset(looks, 0, LUS_MAX_CLASSES * sizeof *looks);
  for (int i = 0; i < segmentation->n_classes && i < LUS_MAX_CLASSES; i++) {
    /* Without a model the classes are the contract's, in its order, which is that of the table. */
    const char *name = info && i < info->n_classes ? info->classes[i]
                       : i < (int)G_N_ELEMENTS(known) ? known[i].class_name : "other";
    const Look *look = find_look(name);
    if (look) {
      g_strlcpy(looks[i].name, look->name, sizeof looks[i].name);
      g_strlcpy(looks[i].short_name, look->short_name, sizeof looks[i].short_name);
    } else {
      look = &others[MIN(n_others, G_N_ELEMENTS(others) - 1)];
      n_others++;
      spell(looks[i].name, sizeof looks[i].name, name);
      spell(looks[i].short_name, sizeof looks[i].short_name, name);
    }
    looks[i].colour = gray ? (LusColour){look->gray, look->gray, look->gray} : look->colour;
    looks[i].width = look->width;
    looks[i].opacity = look->opacity;
    looks[i].order = look->order;
  }
}
