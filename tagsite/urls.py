from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from tagsite import health

urlpatterns = [
    path("api/", include("tags.api.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("", RedirectView.as_view(url="api/docs")),
]

handler400 = "tags.api.error_body.bad_request"
handler403 = "tags.api.error_body.forbidden"
handler404 = "tags.api.error_body.not_found"
handler500 = "tags.api.error_body.server_error"
