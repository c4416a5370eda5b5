"""Manifests: tables that list images, with their labels, masks, splits, groups.

    path,label,mask,split,group
    a/001.png,good,,train,plate-17
    a/002.png,scratch,masks/002.png,test,plate-18

An image and what it is, good or which defect, are needed; the rest may be absent or empty. CSV,
TSV, JSON and Parquet, under the usual names of columns; a column that means nothing here goes with
its image as metadata. All problems are told at once, each with its line.

    vocabulary  usual names of columns
    columns     which column says what
    labels      good or which defect, by all columns that say so
    places      where the files are, and what images are called
    lines       what each row says
    reading     the entries of a manifest, with the files found
"""

from blemish.data.manifest.reading import (
    MANIFEST_SUFFIXES,
    Manifest,
    is_manifest,
    open_manifest,
    read_manifest,
)

__all__ = ["MANIFEST_SUFFIXES", "Manifest", "is_manifest", "open_manifest", "read_manifest"]
