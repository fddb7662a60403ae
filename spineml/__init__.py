"""The science of the Spine platform: volumes, masks, metrics and the U-Net. No web framework is imported here."""

import os

# TensorFlow reads both once, when it is imported; oneDNN is off by default on some CPUs.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
