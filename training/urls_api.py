"""Every address of this app in the REST API."""

from training.datasets.urls_api import urlpatterns as datasets
from training.evaluations.urls_api import urlpatterns as evaluations
from training.promotions.urls_api import urlpatterns as promotions
from training.splits.urls_api import urlpatterns as splits
from training.structures.urls_api import urlpatterns as structures
from training.trainings.urls_api import urlpatterns as trainings
from training.versions.urls_api import urlpatterns as versions

urlpatterns = [*versions, *promotions, *splits, *datasets, *trainings, *evaluations, *structures]
