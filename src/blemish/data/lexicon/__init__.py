"""Words that people use in names of folders, files and labels: by meaning, and by language.

Only what everybody would read in one way is here; the rest is asked about. What the name of a
folder means is told by the first rule that fits:

1. What a user says: `good`, `defect`, `ignore` (`layouts.found.Names`).
2. A split, `train` or `01_train` (`words.split_named`); masks, `masks` or `Labels_png`
   (`mask_folders`).
3. Good: a word for good, alone or with words for places, times and parts
   (`places.is_good_folder`), or each such name beside one with a word for bad
   (`words.good_in_pairs`).
4. Bad, in the same way (`places.is_bad_folder`).
5. Doubt, which is asked about: a name has a word for good in it or one that looks like it, one for
   masks, one that says nothing or is of a place or time, or one for images on which opinions differ
   (`words.doubt`, `layouts.kinds.doubt_of_folder`).
6. A kind of defect, whatever it is called; usual ones (`usual_defects`) make others certain.

Below a folder of a class names are held against it by the same words (`layouts.below`). Names of
images decide nothing: they raise questions and notes (`image_names`). Labels in lists go by words
for good and bad, and by the doubts of `manifest.doubts`.
"""
