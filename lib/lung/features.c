/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/features.h"

/** The table; entries in the order of LusFeature. */
#define PERCENT(name, pleura, water, source, definition) {name, "%", 0, 100, pleura, water, definition, source}
#define MM(name, high, water, source, definition) {name, "mm", 0, high, TRUE, water, definition, source}
#define COUNT(name, water, source, definition) {name, "count", 0, 100, TRUE, water, definition, source}

static const LusFeatureInfo table[LUS_FEATURE_N] = {
  [LUS_FEATURE_PLEURA_COVERAGE] =
    PERCENT("pleura_coverage", FALSE, 0, "mask", "Part of the sector's beams that show the pleural line."),
  [LUS_FEATURE_PLEURA_VISIBILITY] = PERCENT("pleura_visibility", FALSE, 0, "confidence",
    "Largest confidence of the pleural line in the column that a beam crosses halfway down, mean over the beams."),
  [LUS_FEATURE_PLEURA_DEPTH] = PERCENT("pleura_depth", TRUE, 0, "mask",
    "Median depth of the pleural line's upper edge below the probe's face, along the beams, of the sector's height."),
  [LUS_FEATURE_PLEURA_DEPTH_MM] = MM("pleura_depth_mm", 300, 0, "mask",
    "Median depth of the pleural line's upper edge below the probe's face, along the beams, in mm."),
  [LUS_FEATURE_PLEURA_THICKNESS] = PERCENT("pleura_thickness", TRUE, 0, "mask",
    "Median thickness of the pleural line along the beams, of the sector's height."),
  [LUS_FEATURE_PLEURA_THICKNESS_MM] = MM("pleura_thickness_mm", 100, 0, "mask",
    "Median thickness of the pleural line along the beams, in mm."),
  [LUS_FEATURE_PLEURA_CONFIDENCE] =
    PERCENT("pleura_confidence", TRUE, 0, "confidence", "Mean confidence over the pleural line's mask."),
  [LUS_FEATURE_PLEURA_BREAKS] =
    COUNT("pleura_breaks", 0, "mask", "Gaps of the pleural line between its first and last beam."),
  [LUS_FEATURE_PLEURA_CONTINUITY] = PERCENT("pleura_continuity", TRUE, 0, "mask",
    "Longest piece of the pleural line without a gap, of all beams from its first to its last."),
  [LUS_FEATURE_PLEURA_INDENTATIONS] = COUNT("pleura_indentations", 0, "mask",
    "Places where the pleural line's upper edge dips below its neighbourhood."),
  [LUS_FEATURE_PLEURA_ROUGHNESS] = PERCENT("pleura_roughness", TRUE, 0, "mask",
    "Root mean square distance of the pleural line's upper edge from its moving average, of the sector's height."),
  [LUS_FEATURE_PLEURA_ROUGHNESS_MM] = MM("pleura_roughness_mm", 100, 0, "mask",
    "Root mean square distance of the pleural line's upper edge from its moving average, in mm."),
  [LUS_FEATURE_FASCIA_AREA] = PERCENT("fascia_area", TRUE, 0, "mask",
    "Area of the fascia mask above the pleural line, of the sector's area there."),
  [LUS_FEATURE_FASCIA_COUNT] =
    COUNT("fascia_count", 0, "mask", "Fascia bands above the pleural line, mean over its beams."),
  [LUS_FEATURE_FASCIA_DEPTH] = PERCENT("fascia_depth", TRUE, 0, "mask",
    "Median depth of the uppermost fascia band's upper edge below the probe's face, of the sector's height."),
  [LUS_FEATURE_FASCIA_DEPTH_MM] = MM("fascia_depth_mm", 300, 0, "mask",
    "Median depth of the uppermost fascia band's upper edge below the probe's face, in mm."),
  [LUS_FEATURE_FASCIA_THICKNESS] = PERCENT("fascia_thickness", TRUE, 0, "mask",
    "Mean thickness of the fascia bands along the beams, of the sector's height."),
  [LUS_FEATURE_FASCIA_THICKNESS_MM] = MM("fascia_thickness_mm", 100, 0, "mask",
    "Mean thickness of the fascia bands along the beams, in mm."),
  [LUS_FEATURE_FASCIA_CONFIDENCE] = PERCENT("fascia_confidence", TRUE, 0, "confidence",
    "Mean confidence of the class fascia band above the pleural line, in the mask or not."),
  [LUS_FEATURE_VERTICAL_COUNT] =
    COUNT("vertical_count", 1, "mask", "Vertical lines (B-lines) that begin at the detected pleural line."),
  [LUS_FEATURE_VERTICAL_PERCENT] = PERCENT("vertical_percent", TRUE, 1, "mask",
    "B-line/pleura percentage: angle (in a fan) or width of the beams with a vertical line, of those that show the "
    "pleural line."),
  [LUS_FEATURE_VERTICAL_WIDEST] = PERCENT("vertical_widest", TRUE, 1, "mask",
    "Widest vertical line, of the beams that show the pleural line."),
  [LUS_FEATURE_VERTICAL_WIDTH_MM] =
    MM("vertical_width_mm", 500, 1, "mask", "Width of all vertical lines together, at the pleural line."),
  [LUS_FEATURE_VERTICAL_WIDEST_MM] =
    MM("vertical_widest_mm", 500, 1, "mask", "Width of the widest vertical line, at the pleural line."),
  [LUS_FEATURE_VERTICAL_CONFLUENCE] = PERCENT("vertical_confluence", TRUE, 1, "mask",
    "Part of the beams with a vertical line whose line is wider than a quarter of the pleural line."),
  [LUS_FEATURE_VERTICAL_AREA] = PERCENT("vertical_area", TRUE, 1, "mask",
    "Area of the vertical-line mask below the pleural line, of the sector's area there."),
  [LUS_FEATURE_VERTICAL_INTENSITY] = PERCENT("vertical_intensity", TRUE, 0, "picture",
    "Mean grey of the beams with a vertical line below the pleural line, of full white."),
  [LUS_FEATURE_VERTICAL_CONFIDENCE] = PERCENT("vertical_confidence", TRUE, 1, "confidence",
    "Mean confidence of the class vertical line below the pleural line, in the mask or not."),
  [LUS_FEATURE_VERTICAL_PEAK] = PERCENT("vertical_peak", TRUE, 1, "confidence",
    "Mean confidence of the class vertical line along each beam below the pleural line, 90th percentile over the beams."),
  [LUS_FEATURE_VERTICAL_SPREAD] = PERCENT("vertical_spread", TRUE, 1, "confidence",
    "Part of the pleural line's beams on which that mean confidence is 25 % or more."),
  [LUS_FEATURE_VERTICAL_DEEP] = PERCENT("vertical_deep", TRUE, 1, "confidence",
    "Mean confidence of the class vertical line in the lowest third below the pleural line."),
  [LUS_FEATURE_VERTICAL_OVERALL] = PERCENT("vertical_overall", FALSE, 1, "confidence",
    "Mean confidence of the class vertical line in each column of the lower half of the sector, mean over the columns, "
    "with a pleural line above or not."),
  [LUS_FEATURE_VERTICAL_OVERALL_PEAK] = PERCENT("vertical_overall_peak", FALSE, 1, "confidence",
    "The same, 90th percentile over the columns."),
  [LUS_FEATURE_VERTICAL_VISIBILITY] = PERCENT("vertical_visibility", FALSE, 1, "confidence",
    "Largest confidence of the class vertical line in the column that a beam crosses halfway down, mean over the beams."),
  [LUS_FEATURE_A_LINE_COUNT] = COUNT("a_line_count", -1, "mask or picture",
    "A-lines: bands of the class a_line, mean over the pleural line's beams; for a model without it, echoes at two to "
    "four times the pleural line's depth that stand out by 3 % of full white or more."),
  [LUS_FEATURE_A_LINE_CONTRAST] = PERCENT("a_line_contrast", TRUE, -1, "picture",
    "Grey of the strongest echo at two to four times the pleural line's depth above its surroundings, of full white."),
  [LUS_FEATURE_SLIDING] = PERCENT("sliding", TRUE, 0, "picture",
    "How much less the picture below the pleural line resembles the frame before than the picture above it does: "
    "difference of the correlations."),
  [LUS_FEATURE_IMAGE_BRIGHTNESS] =
    PERCENT("image_brightness", FALSE, 0, "picture", "Mean grey of the sector, of full white."),
  [LUS_FEATURE_IMAGE_CONTRAST] =
    PERCENT("image_contrast", FALSE, 0, "picture", "Standard deviation of the sector's grey, of full white."),
  [LUS_FEATURE_IMAGE_LIT] = PERCENT("image_lit", FALSE, 0, "picture", "Part of the sector that is not black (grey above 3)."),
  [LUS_FEATURE_IMAGE_CONTACT] = PERCENT("image_contact", FALSE, 0, "picture",
    "Part of the sector's beams whose uppermost fifth is lit: where the probe touches the skin."),
};

const LusFeatureInfo *lus_feature_info(LusFeature feature)
{
  return (int)feature >= 0 && feature < LUS_FEATURE_N ? &table[feature] : NULL;
}

int lus_feature_from_name(const char *name)
{
  for (int i = 0; i < LUS_FEATURE_N; i++)
    if (g_str_equal(table[i].name, name))
      return i;
  return -1;
}
