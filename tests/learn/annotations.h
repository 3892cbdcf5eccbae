/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/** A small file of each text format, of a clip of 40 x 32 pixels. */

static const char cvat_xml[] =
  "<?xml version=\"1.0\"?>\n<annotations><version>1.1</version>\n"
  "<meta><task><name>P1_d1_R1.mp4</name><size>10</size><start_frame>0</start_frame><stop_frame>9</stop_frame>"
  "<frame_filter></frame_filter><original_size><width>40</width><height>32</height></original_size></task></meta>\n"
  "<image id=\"3\" name=\"P1_d1_R1_frame000003.png\" width=\"40\" height=\"32\">"
  "<polygon label=\"pleural_line\" points=\"1,1;5,1;5,4;1,4\"><attribute name=\"confidence\">60</attribute></polygon>"
  "<box label=\"vertical_line\" xtl=\"2\" ytl=\"3\" xbr=\"6\" ybr=\"9\"/>"
  "<mask label=\"fascia_band\" rle=\"1, 2, 3\" left=\"4\" top=\"5\" width=\"3\" height=\"2\">"
  "<attribute name=\"confidence\">ignore</attribute></mask></image>\n"
  "<track id=\"0\" label=\"vertical_line\">"
  "<polygon frame=\"4\" outside=\"0\" keyframe=\"1\" points=\"0,0;4,0;4,4;0,4\"><attribute name=\"confidence\">40"
  "</attribute></polygon>"
  "<polygon frame=\"6\" outside=\"1\" keyframe=\"1\" points=\"0,0;4,0;4,4;0,4\"/>"
  "<polygon frame=\"8\" outside=\"0\" keyframe=\"1\" points=\"0,0;4,0;4,4\"/></track></annotations>\n";

static const char cvat_json[] =
  "[{\"version\": 3, \"tags\": [], \"shapes\": [{\"type\": \"polygon\", \"points\": [1, 1, 5, 1, 5, 4], \"frame\": 2, "
  "\"attributes\": [{\"name\": \"confidence\", \"value\": \"35\"}], \"label\": \"pleural_line\"},"
  "{\"type\": \"mask\", \"points\": [1, 2, 3, 4, 5, 6, 6], \"frame\": 2, \"attributes\": [], \"label\": \"fascia_band@80\"}],"
  "\"tracks\": [{\"frame\": 4, \"label\": \"vertical_line\", \"attributes\": [], \"shapes\": ["
  "{\"type\": \"rectangle\", \"frame\": 4, \"outside\": false, \"points\": [0, 0, 4, 4], \"attributes\": []},"
  "{\"type\": \"rectangle\", \"frame\": 7, \"outside\": true, \"points\": [3, 0, 7, 4], \"attributes\": []}]}]}]";

/** Beside the one above: its frames are every second one of the clip's from the tenth on. */
static const char cvat_task[] = "{\"name\": \"P1_d1_R1.mp4\", \"data\": {\"start_frame\": 10, \"stop_frame\": 40, "
                                "\"frame_filter\": \"step=2\"}}";

static const char labelme[] =
  "{\"version\": \"5.4\", \"flags\": {}, \"shapes\": [{\"label\": \"pleural_line@45\", \"points\": [[1, 1], [5, 1], [5, 4]], "
  "\"shape_type\": \"polygon\"}, {\"label\": \"vertical_line\", \"description\": \"70 %\", \"points\": [[2, 2], [6, 8]], "
  "\"shape_type\": \"rectangle\"}, {\"label\": \"fascia_band\", \"points\": [[2, 9], [12, 9]], \"shape_type\": "
  "\"linestrip\"}], \"imagePath\": \"P1_d1_R1_frame000002.png\", \"imageWidth\": 40, \"imageHeight\": 32}";

/* The compressed counts are those of [2, 4, 10, 1264], as the COCO API writes them. */
static const char coco[] =
  "{\"images\": [{\"id\": 7, \"file_name\": \"P1_d1_R1_frame000005.png\", \"width\": 40, \"height\": 32}],"
  "\"categories\": [{\"id\": 1, \"name\": \"pleural_line\"}, {\"id\": 2, \"name\": \"vertical_line\"}],"
  "\"annotations\": [{\"image_id\": 7, \"category_id\": 1, \"segmentation\": [[1, 1, 5, 1, 5, 4], [8, 8, 12, 8, 12, 12]], "
  "\"score\": 0.25}, {\"image_id\": 7, \"category_id\": 2, \"attributes\": {\"confidence\": 90}, "
  "\"segmentation\": {\"size\": [32, 40], \"counts\": [2, 4, 1274]}}, {\"image_id\": 7, \"category_id\": 2, "
  "\"segmentation\": {\"size\": [32, 40], \"counts\": \"24:\\\\W1\"}}]}";

static const char slicer_list[] =
  "{\"mask_type\": \"fan\", \"angle1\": 120, \"angle2\": 60, \"center_rows_px\": -10, \"center_cols_px\": 20, \"radius1\": 12, "
  "\"radius2\": 40, \"image_size_rows\": 32, \"image_size_cols\": 40, \"frame_annotations\": [{\"frame_number\": 3, "
  "\"coordinate_space\": \"LPS\", \"pleura_lines\": [{\"rater\": \"anna\", \"line\": {\"points\": [[5, 4, 0], [15, 4, 0]]}}], "
  "\"b_lines\": [{\"rater\": \"anna\", \"line\": {\"points\": [[9, 8, 0], [11, 8, 0]]}}]}]}";

static const char slicer_object[] =
  "{\"mask_type\": \"fan\", \"angle1\": 120, \"angle2\": 60, \"center_rows_px\": -10, \"center_cols_px\": 20, \"radius1\": 12, "
  "\"radius2\": 40, \"frame_annotations\": {\"3\": {\"pleura_lines\": [[[-5, -4, 0], [-15, -4, 0]], []], \"b_lines\": "
  "[[[-9, -8, 0], [-11, -8, 0]]]}}}";

static const char polygons[] =
  "{\"clip\": \"P1_d1_R1\", \"frame\": 1, \"annotator\": \"m\", \"note\": \"\", \"regions\": [{\"class\": \"pleural_line\", "
  "\"confidence\": 40, \"polygon\": [[0, 0], [8, 0], [8, 8], [0, 8]], \"holes\": [[[2, 2], [6, 2], [6, 6], [2, 6]]]},"
  "{\"class\": \"pleural_line\", \"confidence\": 25, \"polygon\": [[1, 1], [5, 1], [5, 4]]}]}";

static const struct {
  const char *name, *format, *file, *text;
} sources[] = {
  {"cvat-xml", "cvat", "a.xml", cvat_xml},
  {"cvat-json", "cvat", "annotations.json", cvat_json},
  {"labelme", "labelme", "P1_d1_R1_frame000002.json", labelme},
  {"coco", "coco", "coco.json", coco},
  {"slicer-list", "slicer", "P1_d1_R1.anna.json", slicer_list},
  {"slicer-object", "slicer", "P1_d1_R1.json", slicer_object},
  {"polygons", "polygons", "p.json", polygons},
};
