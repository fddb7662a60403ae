"""Every page of this app."""

from training.datasets.urls import urlpatterns as datasets
from training.evaluations.urls import urlpatterns as evaluations
from training.promotions.urls import urlpatterns as promotions
from training.splits.urls import urlpatterns as splits
from training.structures.urls import urlpatterns as structures
from training.trainings.urls import urlpatterns as trainings
from training.versions.urls import urlpatterns as versions

app_name = "training"
urlpatterns = [*versions, *datasets, *splits, *trainings, *evaluations, *promotions, *structures]
