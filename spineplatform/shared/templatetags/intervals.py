"""``{{ patients|few_patients_warning }}``: what intervals from so many patients are worth; None with enough of them."""

from django import template

from spineml.metrics.bootstrap import few_patients_warning

register = template.Library()
register.filter("few_patients_warning", few_patients_warning)
