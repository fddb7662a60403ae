"""DICOM: files grouped into series, slices in order, pixels in Hounsfield units, and de-identification."""
