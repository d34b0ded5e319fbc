from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from tags import admin
from tags.api.traces import TracesView
from tags.live.pages import live
from tagsite import health
from tagsite.log_in import LogIn

urlpatterns = [
    path("api/", include("tags.api.urls")),
    path("v1/traces", TracesView.as_view(), name="traces"),
    path("log-in", LogIn.as_view(), name="log-in"),
    path("log-out", LogoutView.as_view(next_page="log-in"), name="log-out"),
    path("live", live, name="live"),
    path("", include("tags.review.urls")),
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

handler400 = "tags.api.error_body.bad_request"
handler403 = "tags.api.error_body.forbidden"
handler404 = "tags.api.error_body.not_found"
handler500 = "tags.api.error_body.server_error"
