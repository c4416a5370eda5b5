"""Annotations as tools for labelling write them: LabelMe, COCO, YOLO, CVAT, Label Studio."""
