"""What is claimed is measured here: ratios against named peers within one run (`make bench`)."""
