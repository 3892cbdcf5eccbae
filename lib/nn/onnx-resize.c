/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/onnx-resize.h"
#include "nn/error.h"

typedef struct {
  const char *name;
  int value;
} Choice;

static const Choice coordinate_choices[] = {
  {"asymmetric", LUS_COORD_ASYMMETRIC},
  {"half_pixel", LUS_COORD_HALF_PIXEL},
  {"align_corners", LUS_COORD_ALIGN_CORNERS},
  {"pytorch_half_pixel", LUS_COORD_PYTORCH_HALF_PIXEL},
  {"tf_half_pixel_for_nn", LUS_COORD_TF_HALF_PIXEL},
  {"tf_crop_and_resize", LUS_COORD_HALF_PIXEL},
};

static const Choice nearest_choices[] = {
  {"floor", LUS_NEAREST_FLOOR},
  {"ceil", LUS_NEAREST_CEIL},
  {"round_prefer_floor", LUS_NEAREST_PREFER_FLOOR},
  {"round_prefer_ceil", LUS_NEAREST_PREFER_CEIL},
};

static int find_choice(const Choice *choices, gsize n, const char *name)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_equal(choices[i].name, name))
      return choices[i].value;
  return -1;
}

/** Attributes that must have the value at which they do nothing. */
static gboolean read_idle_attributes(LusOnnxNode *node, GError **error)
{
  int exclude_outside = 0, antialias = 0;
  float ignored;
  const char *policy = lus_onnx_get_string(node, "keep_aspect_ratio_policy", "stretch", error);
  if (!policy || !lus_onnx_get_int(node, "exclude_outside", &exclude_outside, 0, 0, error) ||
      !lus_onnx_get_int(node, "antialias", &antialias, 0, 0, error) ||
      !lus_onnx_get_float(node, "cubic_coeff_a", &ignored, error))
    return FALSE;
  return g_str_equal(policy, "stretch") ||
         lus_onnx_unsupported(error, "keep_aspect_ratio_policy other than stretch");
}

LusNearest lus_onnx_nearest(const LusOnnxResize *resize, float scale)
{
  return resize->up_when_less && scale < 1 ? LUS_NEAREST_CEIL : resize->nearest;
}

/** Upsample, and Resize before opset 11, name only the mode: nearest is down of i / scale, but up where Resize makes
 * smaller, as in the ONNX project's test of it and ONNX Runtime. */
gboolean lus_onnx_read_resize(LusOnnxResize *resize, LusOnnxNode *node, int opset, GError **error)
{
  gboolean old = opset < 11 || g_str_equal(node->type, "Upsample");
  *resize = (LusOnnxResize){.scales_input = old ? 1 : 2};
  const char *mode = lus_onnx_get_string(node, "mode", "nearest", error);
  const char *coord = old ? "asymmetric" : NULL, *nearest = old ? "floor" : NULL;
  if (!old) {
    coord = lus_onnx_get_string(node, "coordinate_transformation_mode", "half_pixel", error);
    nearest = lus_onnx_get_string(node, "nearest_mode", "round_prefer_floor", error);
  }
  if (!mode || !coord || !nearest)
    return FALSE;
  int place = find_choice(coordinate_choices, G_N_ELEMENTS(coordinate_choices), coord);
  int pixel = find_choice(nearest_choices, G_N_ELEMENTS(nearest_choices), nearest);
  resize->linear = g_str_equal(mode, "linear") || g_str_equal(mode, "bilinear");
  if (place < 0 || pixel < 0 || (!resize->linear && !g_str_equal(mode, "nearest"))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "Resize mode %s, %s, %s; supported are linear and nearest with asymmetric, half_pixel, align_corners, "
                "pytorch_half_pixel, tf_half_pixel_for_nn or, of constants, tf_crop_and_resize",
                mode, coord, nearest);
    return FALSE;
  }
  resize->coord = (LusResizeCoord)place;
  resize->nearest = (LusNearest)pixel;
  resize->up_when_less = old && g_str_equal(node->type, "Resize");
  resize->crop = g_str_equal(coord, "tf_crop_and_resize");
  return lus_onnx_get_float(node, "extrapolation_value", &resize->extrapolation, error) &&
         read_idle_attributes(node, error);
}
