#ifndef APP_CONFIG
#define APP_CONFIG

#define USE_DCACHE

/* CMW_MIRRORFLIP_NONE, CMW_MIRRORFLIP_FLIP, CMW_MIRRORFLIP_MIRROR or CMW_MIRRORFLIP_FLIP_MIRROR */
#define CAMERA_FLIP CMW_MIRRORFLIP_NONE

/* preprocessing.resizing.aspect_ratio: crop keeps the aspect ratio of the image. */
#define ASPECT_RATIO_CROP       (1)
#define ASPECT_RATIO_FIT        (2)
#define ASPECT_RATIO_FULLSCREEN (3)
#define ASPECT_RATIO_MODE       @aspect_ratio@

/* The input of the network, to which the camera image is resized. */
#define NN_WIDTH   (@nn_width@)
#define NN_HEIGHT  (@nn_height@)
#define NN_BPP     3
#define COLOR_BGR  (0)
#define COLOR_RGB  (1)
#define COLOR_MODE @color_mode@

@if heatmaps_spe
/* A single person: the maximum of each heatmap, as float32. */
#define POSTPROCESS_TYPE POSTPROCESS_SPE_MOVENET_UF
#define AI_SPE_MOVENET_POSTPROC_HEATMAP_WIDTH  (@heatmap_width@)
#define AI_SPE_MOVENET_POSTPROC_HEATMAP_HEIGHT (@heatmap_height@)
#define AI_SPE_MOVENET_POSTPROC_NB_KEYPOINTS   (@keypoints@)
@end
@if yolo_mpe
/* Several people: candidate boxes as float32, filtered by non-maximum suppression. */
#define POSTPROCESS_TYPE POSTPROCESS_MPE_YOLO_V8_UF
#define AI_MPE_YOLOV8_PP_NB_CLASSES  (1)
#define AI_MPE_YOLOV8_PP_TOTAL_BOXES (@candidates@)

/* postprocessing.max_detection_boxes, NMS_thresh and confidence_thresh */
#define AI_MPE_YOLOV8_PP_MAX_BOXES_LIMIT (@max_boxes@)
#define AI_MPE_YOLOV8_PP_IOU_THRESHOLD   @iou_threshold@
#define AI_MPE_YOLOV8_PP_CONF_THRESHOLD  @box_threshold@
@end

/* postprocessing.kpts_conf_thresh: keypoints with a lower score are not drawn. */
#define AI_POSE_PP_CONF_THRESHOLD    @keypoint_threshold@
#define AI_POSE_PP_POSE_KEYPOINTS_NB (@keypoints@)

/* Display */
@if screen
/* deployment.hardware_setup.output: SPI, or UVCL, a camera on USB */
#define SCR_LIB_USE_@screen@
@end
#define WELCOME_MSG_1 @welcome_1@
#define WELCOME_MSG_2 @welcome_2@

#endif
