/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dicom.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcistrmf.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

/* Nothing may leave this file as a C++ exception: each function of the C interface has one try block. */

#define MAX_FRAMES 1000000
#define UNITS_CM 3   /* Physical Units X/Y Direction */
#define FORMAT_2D 1  /* Region Spatial Format */
#define DATA_TISSUE 1 /* Region Data Type */

struct _LusDicom {
  std::string path;
  DcmFileFormat file;
  E_TransferSyntax syntax = EXS_Unknown;
  LusDicomInfo info = {};
  std::vector<double> times;
  std::unique_ptr<DicomImage> image; /* holds one frame */
  int next = 0;
  std::vector<guint8> picture;

  DcmDataset &data() { return *file.getDataset(); }
};

/** DCMTK prints to stderr and needs its codecs registered, once per process. */
static void init_dcmtk()
{
  static gsize done = 0;
  if (!g_once_init_enter(&done))
    return;
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  DcmRLEDecoderRegistration::registerCodecs();
  DJDecoderRegistration::registerCodecs();
  DJLSDecoderRegistration::registerCodecs();
  g_once_init_leave(&done, 1);
}

static bool fail(const LusDicom *dicom, GError **error, LusError code, const std::string &what)
{
  g_set_error(error, LUS_ERROR, code, "%s: %s", dicom->path.c_str(), what.c_str());
  return false;
}

static std::string text_of(DcmItem &item, const DcmTagKey &key)
{
  OFString value;
  return item.findAndGetOFString(key, value).good() ? std::string(value.c_str()) : std::string();
}

/** @none: missing or no number. */
static double number_of(DcmItem &item, const DcmTagKey &key, unsigned long index = 0, double none = -1)
{
  OFString value;
  Float64 number;
  if (item.findAndGetFloat64(key, number, index).good())
    return std::isfinite(number) ? number : none;
  if (!item.findAndGetOFString(key, value, index).good() || value.empty())
    return none;
  number = g_ascii_strtod(value.c_str(), nullptr);
  return std::isfinite(number) ? number : none;
}

static long integer_of(DcmItem &item, const DcmTagKey &key)
{
  Uint16 small;
  Uint32 large;
  if (item.findAndGetUint16(key, small).good())
    return small;
  return item.findAndGetUint32(key, large).good() ? static_cast<long>(large) : -1;
}

static bool check_class(LusDicom *dicom, GError **error)
{
  const std::string uid = text_of(dicom->data(), DCM_SOPClassUID), modality = text_of(dicom->data(), DCM_Modality);
  static const char *const known[] = {UID_UltrasoundImageStorage, UID_UltrasoundMultiframeImageStorage,
                                      UID_RETIRED_UltrasoundImageStorage, UID_RETIRED_UltrasoundMultiframeImageStorage};
  for (const char *name : known)
    if (uid == name)
      return true;
  static const char *const captures[] = {UID_SecondaryCaptureImageStorage,
                                         UID_MultiframeGrayscaleByteSecondaryCaptureImageStorage,
                                         UID_MultiframeTrueColorSecondaryCaptureImageStorage};
  for (const char *name : captures)
    if (uid == name && modality == "US")
      return true;
  const char *name = dcmFindNameOfUID(uid.c_str(), uid.empty() ? "no SOP class" : uid.c_str());
  return fail(dicom, error, LUS_ERROR_UNSUPPORTED,
              std::string("no ultrasound image but '") + name + "', modality '" + modality + "'");
}

static bool check_sizes(LusDicom *dicom, GError **error)
{
  DcmDataset &data = dicom->data();
  LusDicomInfo &info = dicom->info;
  const long rows = integer_of(data, DCM_Rows), columns = integer_of(data, DCM_Columns);
  const long samples = integer_of(data, DCM_SamplesPerPixel), bits = integer_of(data, DCM_BitsAllocated);
  double frames = number_of(data, DCM_NumberOfFrames);
  if (frames < 0)
    frames = 1;
  if (rows < 1 || columns < 1 || (samples != 1 && samples != 3) || (bits != 8 && bits != 16 && bits != 32) || frames < 1)
    return fail(dicom, error, LUS_ERROR_INVALID, "Rows, Columns, Samples per Pixel, Bits Allocated or Number of Frames is "
                                                 "missing or makes no sense; is the file whole?");
  if (MIN(rows, columns) < LUS_FRAME_MIN || MAX(rows, columns) > LUS_FRAME_MAX || frames > MAX_FRAMES)
    return fail(dicom, error, LUS_ERROR_LIMIT,
                std::to_string(columns) + "x" + std::to_string(rows) + " pixels, " + std::to_string(frames) +
                  " frames; sides of " + std::to_string(LUS_FRAME_MIN) + " to " + std::to_string(LUS_FRAME_MAX) +
                  " and at most " + std::to_string(MAX_FRAMES) + " frames can be read");
  info.width = static_cast<int>(columns);
  info.height = static_cast<int>(rows);
  info.frames = info.stored = static_cast<int>(frames);
  return true;
}

/** A decoder for its syntax, and in an uncompressed file as many bytes as the frames take, or else fewer frames. */
static bool check_pixels(LusDicom *dicom, GError **error)
{
  DcmDataset &data = dicom->data();
  DcmElement *element = nullptr;
  if (data.findAndGetElement(DCM_PixelData, element).bad() || !element)
    return fail(dicom, error, LUS_ERROR_INVALID, "holds no picture (no Pixel Data); the file may be cut off");
  const DcmXfer xfer(dicom->syntax);
  if (xfer.isEncapsulated()) {
    /* The decoders' own conversion to an uncompressed syntax is what is asked for. */
    if (DcmCodecList::canChangeCoding(dicom->syntax, EXS_LittleEndianExplicit))
      return true;
    return fail(dicom, error, LUS_ERROR_UNSUPPORTED,
                std::string("compressed as '") + xfer.getXferName() +
                  "', for which DCMTK has no decoder; convert it, for instance with 'gdcmconv --raw' (Debian: "
                  "libgdcm-tools)");
  }
  /* With 4:2:2 two pixels have four samples, though Samples per Pixel is 3. */
  const std::string photometric = text_of(data, DCM_PhotometricInterpretation);
  const bool halved = photometric == "YBR_FULL_422" || photometric == "YBR_PARTIAL_422";
  const guint64 frame = static_cast<guint64>(dicom->info.width) * static_cast<guint64>(dicom->info.height) *
                        static_cast<guint64>(halved ? 2 : integer_of(data, DCM_SamplesPerPixel)) *
                        static_cast<guint64>(integer_of(data, DCM_BitsAllocated) / 8);
  const guint64 there = element->getLength(dicom->syntax) / frame;
  if (there < 1)
    return fail(dicom, error, LUS_ERROR_INVALID, "its Pixel Data is shorter than one frame; the file may be cut off");
  dicom->info.stored = static_cast<int>(MIN(there, static_cast<guint64>(dicom->info.frames)));
  return true;
}

static void read_times(LusDicom *dicom)
{
  DcmDataset &data = dicom->data();
  LusDicomInfo &info = dicom->info;
  const double frame_time = number_of(data, DCM_FrameTime), cine = number_of(data, DCM_CineRate);
  const double recommended = number_of(data, DCM_RecommendedDisplayFrameRate);
  info.frame_ms = frame_time > 0 ? frame_time : cine > 0 ? 1000 / cine : recommended > 0 ? 1000 / recommended : 0;
  DcmElement *vector = nullptr;
  if (data.findAndGetElement(DCM_FrameTimeVector, vector).bad() || !vector ||
      vector->getVM() < static_cast<unsigned long>(info.frames))
    return;
  double time = 0;
  for (int i = 0; i < info.frames; i++) {
    const double step = number_of(data, DCM_FrameTimeVector, static_cast<unsigned long>(i));
    time += i > 0 && step > 0 ? step : 0;
    dicom->times.push_back(time);
  }
  if (time <= 0)
    return;
  info.times_ms = dicom->times.data();
  info.frame_ms = time / (info.frames - 1);
}

/** One scale for both directions, or none. */
static double square_mm(double x_mm, double y_mm)
{
  const bool known = x_mm >= 0.001 && x_mm <= 10 && std::fabs(x_mm / y_mm - 1) < 0.01;
  return known ? y_mm : 0;
}

static LusRect region_rect(DcmItem &region, const LusDicomInfo &info)
{
  const long x0 = integer_of(region, DCM_RegionLocationMinX0), y0 = integer_of(region, DCM_RegionLocationMinY0);
  const long x1 = integer_of(region, DCM_RegionLocationMaxX1), y1 = integer_of(region, DCM_RegionLocationMaxY1);
  const long right = MIN(x1 + 1, static_cast<long>(info.width)), bottom = MIN(y1 + 1, static_cast<long>(info.height));
  if (x0 < 0 || y0 < 0 || x1 < 0 || y1 < 0 || right - x0 < LUS_FRAME_MIN || bottom - y0 < LUS_FRAME_MIN)
    return LusRect{0, 0, 0, 0};
  return LusRect{static_cast<int>(x0), static_cast<int>(y0), static_cast<int>(right - x0), static_cast<int>(bottom - y0)};
}

/** The largest region of 2D tissue, with its calibration; without regions Pixel Spacing. */
static void read_regions(LusDicom *dicom)
{
  LusDicomInfo &info = dicom->info;
  DcmItem *region = nullptr;
  for (long i = 0; dicom->data().findAndGetSequenceItem(DCM_SequenceOfUltrasoundRegions, region, i).good(); i++) {
    const LusRect rect = region_rect(*region, info);
    if (integer_of(*region, DCM_RegionSpatialFormat) != FORMAT_2D || integer_of(*region, DCM_RegionDataType) != DATA_TISSUE ||
        rect.width * rect.height <= info.region.width * info.region.height)
      continue;
    const bool cm = integer_of(*region, DCM_PhysicalUnitsXDirection) == UNITS_CM &&
                    integer_of(*region, DCM_PhysicalUnitsYDirection) == UNITS_CM;
    info.region = rect;
    /* A delta may be negative, so that -1 cannot stand for a missing one. */
    info.mm_per_pixel = cm ? square_mm(10 * std::fabs(number_of(*region, DCM_PhysicalDeltaX, 0, 0)),
                                       10 * std::fabs(number_of(*region, DCM_PhysicalDeltaY, 0, 0)))
                           : 0;
  }
  if (info.region.width == 0)
    info.mm_per_pixel = square_mm(number_of(dicom->data(), DCM_PixelSpacing, 1), number_of(dicom->data(), DCM_PixelSpacing));
}

/** Decodes the first frame: whether pictures are grey or in colour shows only then. */
static bool open_image(LusDicom *dicom, GError **error)
{
  LusDicomInfo &info = dicom->info;
  dicom->image.reset(new DicomImage(&dicom->data(), dicom->syntax, CIF_UsePartialAccessToPixelData, 0, 1));
  DicomImage &image = *dicom->image;
  if (image.getStatus() != EIS_Normal)
    return fail(dicom, error, LUS_ERROR_INVALID,
                std::string("DCMTK cannot decode its pictures: ") + DicomImage::getString(image.getStatus()) +
                  (dicom->data().tagExists(DCM_SegmentedRedPaletteColorLookupTableData) ? " (a segmented palette)" : ""));
  if (image.getWidth() != static_cast<unsigned long>(info.width) || image.getHeight() != static_cast<unsigned long>(info.height))
    return fail(dicom, error, LUS_ERROR_INVALID, "its decoded pictures are not of the size that Rows and Columns say");
  info.colour = !image.isMonochrome();
  dicom->picture.resize(static_cast<gsize>(info.width) * static_cast<gsize>(info.height) * (info.colour ? 3 : 1));
  if (info.colour)
    return true;
  if (integer_of(dicom->data(), DCM_BitsStored) > 8 && image.getWindowCount() > 0)
    image.setWindow(0);
  else
    image.setNoVoiTransformation();
  return true;
}

static bool load(LusDicom *dicom, GError **error)
{
  const OFCondition status = dicom->file.loadFile(dicom->path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                                                  ERM_autoDetect);
  if (status.bad())
    return fail(dicom, error, LUS_ERROR_INVALID, std::string("not a DICOM file, or cut off: ") + status.text());
  dicom->syntax = dicom->data().getOriginalXfer();
  if (!check_class(dicom, error) || !check_sizes(dicom, error) || !check_pixels(dicom, error))
    return false;
  read_times(dicom);
  read_regions(dicom);
  return open_image(dicom, error);
}

LusDicom *lus_dicom_open(const char *path, GError **error)
{
  try {
    init_dcmtk();
    std::unique_ptr<LusDicom> dicom(new LusDicom);
    dicom->path = path;
    return load(dicom.get(), error) ? dicom.release() : nullptr;
  } catch (const std::exception &problem) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: DCMTK gave up: %s", path, problem.what());
    return nullptr;
  }
}

void lus_dicom_free(LusDicom *dicom)
{
  delete dicom;
}

const LusDicomInfo *lus_dicom_info(const LusDicom *dicom)
{
  return &dicom->info;
}

const guint8 *lus_dicom_read(LusDicom *dicom, GError **error)
{
  try {
    const std::string place = "frame " + std::to_string(dicom->next);
    if (dicom->next >= dicom->info.stored) {
      fail(dicom, error, LUS_ERROR_INVALID, place + " is not in the file");
      return nullptr;
    }
    if (dicom->next > 0 && !dicom->image->processNextFrames(1)) {
      fail(dicom, error, LUS_ERROR_INVALID, place + " cannot be decoded; the file may be damaged or cut off");
      return nullptr;
    }
    if (!dicom->image->getOutputData(dicom->picture.data(), dicom->picture.size(), 8, 0, 0)) {
      fail(dicom, error, LUS_ERROR_INVALID, place + " cannot be read");
      return nullptr;
    }
    dicom->next++;
    return dicom->picture.data();
  } catch (const std::exception &problem) {
    fail(dicom, error, LUS_ERROR_FAILED, std::string("DCMTK gave up: ") + problem.what());
    return nullptr;
  }
}

/* ---- Segmentation (PS3.3 A.51) ---- */

struct Code {
  const char *value, *scheme, *meaning;
};

static DcmItem *item_at(DcmItem &parent, const DcmTagKey &sequence, long index = 0)
{
  DcmItem *item = nullptr;
  if (parent.findOrCreateSequenceItem(sequence, item, index).bad() || !item)
    throw std::bad_alloc();
  return item;
}

static void put(DcmItem &item, const DcmTagKey &key, const std::string &value)
{
  if (item.putAndInsertString(key, value.c_str()).bad())
    throw std::bad_alloc();
}

static void put16(DcmItem &item, const DcmTagKey &key, int value)
{
  if (item.putAndInsertUint16(key, static_cast<Uint16>(value)).bad())
    throw std::bad_alloc();
}

/** A code of more than the 16 characters of Code Value is a Long Code Value. */
static void put_code(DcmItem &item, const DcmTagKey &sequence, const Code &code)
{
  DcmItem *entry = item_at(item, sequence);
  put(*entry, strlen(code.value) <= 16 ? DCM_CodeValue : DCM_LongCodeValue, code.value);
  put(*entry, DCM_CodingSchemeDesignator, code.scheme);
  put(*entry, DCM_CodeMeaning, code.meaning);
}

/** Follows from @key alone, so that the same work gives the same file: 2.25 and 64 bits of its SHA-256. */
static std::string uid_from(const std::string &key)
{
  g_autofree char *digits = lus_sha256(key.data(), key.size());
  digits[16] = 0;
  return "2.25." + std::to_string(g_ascii_strtoull(digits, nullptr, 16));
}

/** Now, or SOURCE_DATE_EPOCH for files that must be the same again. */
static void put_dates(DcmItem &data)
{
  const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
  const gint64 now = epoch ? g_ascii_strtoll(epoch, nullptr, 10) : g_get_real_time() / G_USEC_PER_SEC;
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now);
  if (!time)
    time = g_date_time_new_from_unix_utc(0);
  g_autofree char *date = g_date_time_format(time, "%Y%m%d"), *clock = g_date_time_format(time, "%H%M%S");
  put(data, DCM_ContentDate, date);
  put(data, DCM_ContentTime, clock);
}

static void put_identity(DcmItem &data, LusDicom *source, const LusDicomSegmentation *segmentation)
{
  DcmItem &from = source->data();
  const std::string instance = text_of(from, DCM_SOPInstanceUID), key = instance + segmentation->model_sha256;
  static const DcmTagKey empty[] = {DCM_PatientName, DCM_PatientID, DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyDate,
                                    DCM_StudyTime, DCM_StudyID, DCM_AccessionNumber, DCM_ReferringPhysicianName,
                                    DCM_ContentCreatorName, DCM_PatientOrientation};
  for (const DcmTagKey &tag : empty)
    put(data, tag, "");
  put(data, DCM_PatientIdentityRemoved, "YES");
  put(data, DCM_DeidentificationMethod, "Made without attributes of patient, study or visit; UIDs kept");
  put(data, DCM_SOPClassUID, UID_SegmentationStorage);
  put(data, DCM_SOPInstanceUID, uid_from("instance" + key));
  put(data, DCM_StudyInstanceUID, text_of(from, DCM_StudyInstanceUID));
  put(data, DCM_SeriesInstanceUID, uid_from("series" + key));
  put(data, DCM_Modality, "SEG");
  put(data, DCM_SeriesNumber, "1");
  put(data, DCM_InstanceNumber, "1");
  put(data, DCM_Manufacturer, "Lus");
  put(data, DCM_ManufacturerModelName, "lus segment");
  put(data, DCM_DeviceSerialNumber, std::string(segmentation->model_sha256).substr(0, 16));
  put(data, DCM_SoftwareVersions, lus_version());
  put(data, DCM_ContentLabel, "LUNG_ULTRASOUND");
  put(data, DCM_ContentDescription, LUS_NOTICE);
  put_dates(data);
  DcmItem *series = item_at(data, DCM_ReferencedSeriesSequence);
  put(*series, DCM_SeriesInstanceUID, text_of(from, DCM_SeriesInstanceUID));
  DcmItem *reference = item_at(*series, DCM_ReferencedInstanceSequence);
  put(*reference, DCM_ReferencedSOPClassUID, text_of(from, DCM_SOPClassUID));
  put(*reference, DCM_ReferencedSOPInstanceUID, instance);
}

static void put_segments(DcmItem &data, const LusDicomSegmentation *segmentation)
{
  static const Code anatomy = {"91723000", "SCT", "Anatomical Structure"};
  static const Code artefact = {"309825002", "SCT", "Spatial and Relational Concept"};
  for (int i = 0; i < segmentation->n_classes; i++) {
    const char *name = segmentation->classes[i];
    const bool line = g_str_equal(name, "vertical_line") || g_str_equal(name, "a_line");
    DcmItem *segment = item_at(data, DCM_SegmentSequence, i);
    put16(*segment, DCM_SegmentNumber, i + 1);
    put(*segment, DCM_SegmentLabel, name);
    put(*segment, DCM_SegmentAlgorithmType, "AUTOMATIC");
    put(*segment, DCM_SegmentAlgorithmName, std::string("Lus, model ") + std::string(segmentation->model_sha256).substr(0, 16));
    put_code(*segment, DCM_SegmentedPropertyCategoryCodeSequence, line ? artefact : anatomy);
    /* The classes are those of the model: local codes of the same names. */
    put_code(*segment, DCM_SegmentedPropertyTypeCodeSequence, Code{name, "99LUS", name});
  }
}

static void put_dimension(DcmItem &data, long index, const std::string &uid, const DcmTagKey &pointer,
                          const DcmTagKey &group, const char *label)
{
  DcmItem *item = item_at(data, DCM_DimensionIndexSequence, index);
  if (item->putAndInsertTagKey(DCM_DimensionIndexPointer, pointer).bad() ||
      item->putAndInsertTagKey(DCM_FunctionalGroupPointer, group).bad())
    throw std::bad_alloc();
  put(*item, DCM_DimensionOrganizationUID, uid);
  put(*item, DCM_DimensionDescriptionLabel, label);
}

static void put_frame(DcmItem &data, LusDicom *source, long index, const LusDicomPlane &plane)
{
  DcmItem *frame = item_at(data, DCM_PerFrameFunctionalGroupsSequence, index);
  DcmItem *content = item_at(*frame, DCM_FrameContentSequence);
  const Uint32 place[2] = {static_cast<Uint32>(plane.segment + 1), static_cast<Uint32>(plane.frame + 1)};
  if (content->putAndInsertUint16(DCM_FrameAcquisitionNumber, static_cast<Uint16>(plane.frame + 1)).bad() ||
      content->putAndInsertUint32Array(DCM_DimensionIndexValues, place, 2).bad())
    throw std::bad_alloc();
  put16(*item_at(*frame, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber, plane.segment + 1);
  DcmItem *derivation = item_at(*frame, DCM_DerivationImageSequence);
  put_code(*derivation, DCM_DerivationCodeSequence, Code{"113076", "DCM", "Segmentation"});
  DcmItem *image = item_at(*derivation, DCM_SourceImageSequence);
  put(*image, DCM_ReferencedSOPClassUID, text_of(source->data(), DCM_SOPClassUID));
  put(*image, DCM_ReferencedSOPInstanceUID, text_of(source->data(), DCM_SOPInstanceUID));
  put(*image, DCM_ReferencedFrameNumber, std::to_string(plane.frame + 1));
  put_code(*image, DCM_PurposeOfReferenceCodeSequence, Code{"121322", "DCM", "Source image for image processing operation"});
}

static void put_frames(DcmItem &data, LusDicom *source, const LusDicomSegmentation *segmentation)
{
  const std::string uid = uid_from("dimensions" + text_of(source->data(), DCM_SOPInstanceUID) + segmentation->model_sha256);
  put(*item_at(data, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID, uid);
  put_dimension(data, 0, uid, DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment");
  put_dimension(data, 1, uid, DCM_FrameAcquisitionNumber, DCM_FrameContentSequence, "Frame");
  DcmItem *shared = item_at(data, DCM_SharedFunctionalGroupsSequence);
  if (source->info.mm_per_pixel > 0) {
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    const std::string mm = g_ascii_formatd(digits, sizeof(digits), "%.8f", source->info.mm_per_pixel);
    put(*item_at(*shared, DCM_PixelMeasuresSequence), DCM_PixelSpacing, mm + "\\" + mm);
  }
  for (int i = 0; i < segmentation->n_planes; i++)
    put_frame(data, source, i, segmentation->list[i]);
}

/** TRUE where the source says so, or is stored so without saying it. */
static bool is_lossy(LusDicom *source)
{
  return text_of(source->data(), DCM_LossyImageCompression) == "01" || source->syntax == EXS_JPEGProcess1 ||
         source->syntax == EXS_JPEGProcess2_4 || source->syntax == EXS_JPEGLSLossy;
}

/** Once lossy, always lossy: the source's own words. */
static void put_lossy(DcmItem &data, LusDicom *source)
{
  static const DcmTagKey keys[] = {DCM_LossyImageCompressionRatio, DCM_LossyImageCompressionMethod};
  const bool lossy = is_lossy(source);
  put(data, DCM_LossyImageCompression, lossy ? "01" : "00");
  for (const DcmTagKey &key : keys) {
    OFString all; /* one value for each time it was compressed */
    if (lossy && source->data().findAndGetOFStringArray(key, all).good() && !all.empty())
      put(data, key, all.c_str());
  }
}

static bool put_pixels(DcmItem &data, LusDicom *source, const LusDicomSegmentation *segmentation, GError **error)
{
  const LusDicomInfo &info = source->info;
  guint64 bytes = static_cast<guint64>(info.width) * static_cast<guint64>(info.height) *
                  static_cast<guint64>(segmentation->n_planes);
  bytes += bytes & 1;
  if (bytes >= G_MAXUINT32 || info.frames > G_MAXUINT16)
    return fail(source, error, LUS_ERROR_LIMIT, "too long for one DICOM segmentation, which holds at most 4 GB of 65535 frames; write "
                                                "--confidences instead");
  put(data, DCM_ImageType, "DERIVED\\PRIMARY");
  put16(data, DCM_SamplesPerPixel, 1);
  put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
  put(data, DCM_NumberOfFrames, std::to_string(segmentation->n_planes));
  put16(data, DCM_Rows, info.height);
  put16(data, DCM_Columns, info.width);
  put16(data, DCM_BitsAllocated, 8);
  put16(data, DCM_BitsStored, 8);
  put16(data, DCM_HighBit, 7);
  put16(data, DCM_PixelRepresentation, 0);
  put_lossy(data, source);
  put(data, DCM_SegmentationType, "FRACTIONAL");
  put(data, DCM_SegmentationFractionalType, "PROBABILITY");
  put16(data, DCM_MaximumFractionalValue, 255);
  std::unique_ptr<DcmOtherByteOtherWord> pixels(new DcmPixelData(DCM_PixelData));
  pixels->setVR(EVR_OB);
  OFCondition status = pixels->createValueFromTempFile(new DcmInputFileStreamFactory(segmentation->planes, 0),
                                                       static_cast<Uint32>(bytes), gLocalByteOrder);
  if (status.good())
    status = data.insert(pixels.get());
  if (status.bad())
    return fail(source, error, LUS_ERROR_FAILED, std::string("the segmentation cannot be put together: ") + status.text());
  pixels.release();
  return true;
}

gboolean lus_dicom_write_segmentation(const char *path, LusDicom *source, const LusDicomSegmentation *segmentation,
                                      GError **error)
{
  try {
    DcmFileFormat file;
    DcmDataset &data = *file.getDataset();
    for (const DcmTagKey &key : {DCM_SOPInstanceUID, DCM_SeriesInstanceUID, DCM_StudyInstanceUID})
      if (text_of(source->data(), key).empty())
        return fail(source, error, LUS_ERROR_INVALID,
                    std::string("has no ") + DcmTag(key).getTagName() + ", so that a segmentation cannot refer to it; write "
                                                                       "--confidences instead");
    put_identity(data, source, segmentation);
    put_segments(data, segmentation);
    put_frames(data, source, segmentation);
    if (!put_pixels(data, source, segmentation, error))
      return FALSE;
    const OFCondition status = file.saveFile(path, EXS_LittleEndianExplicit, EET_ExplicitLength);
    if (status.good())
      return TRUE;
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", path, status.text());
    return FALSE;
  } catch (const std::exception &problem) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: DCMTK gave up: %s", path, problem.what());
    return FALSE;
  }
}
