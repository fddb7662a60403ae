"""``{{ name|setting_name }}``: what a setting of a training is called on pages."""

from django import template
from django.utils.translation import gettext_lazy as _

NAMES = {
    "base_filters": _("Filters"),
    "depth": _("Levels"),
    "stem_stride": _("First stride"),
    "normalisation": _("Normalisation"),
    "window_centre": _("Window centre (HU)"),
    "window_width": _("Window width (HU)"),
    "loss": _("Loss function"),
    "optimiser": _("Optimiser"),
    "learning_rate": _("Learning rate"),
    "schedule": _("Schedule"),
    "batch_size": _("Batch size"),
    "crop_size": _("Crop size (pixels)"),
    "epochs": _("Epochs"),
    "patience": _("Patience (epochs)"),
    "augmentation": _("Augmentation"),
    "spine_share": _("Share of crops with spine"),
    "seed": _("Seed"),
    "precision": _("Precision"),
    "sample_every": _("Images every (epochs)"),
}
register = template.Library()
register.filter("setting_name", lambda name: NAMES.get(name, name))
