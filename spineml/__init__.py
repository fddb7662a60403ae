"""The science of the Spine platform: volumes, masks, metrics and the U-Net. No web framework is imported here."""
