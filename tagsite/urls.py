from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from tags import admin
from tags.api.traces import TracesView
from tagsite import health, password_reset
from tagsite.log_in import LogIn

urlpatterns = [
    path("api/", include("tags.api.urls")),
    path("v1/traces", TracesView.as_view(), name="traces"),
    path("log-in", LogIn.as_view(), name="log-in"),
    path("password", password_reset.AskForReset.as_view(), name="reset-password"),
    path("password/sent", password_reset.sent, name="reset-sent"),
    path("password/done", password_reset.done, name="reset-done"),
    path("password/<uidb64>/<token>", password_reset.NewPassword.as_view(), name="new-password"),
    path("log-out", LogoutView.as_view(next_page="log-in"), name="log-out"),
    path("", include("tags.review.urls")),
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

handler400 = "tagsite.error_pages.bad_request"
handler403 = "tagsite.error_pages.forbidden"
handler404 = "tagsite.error_pages.not_found"
handler500 = "tagsite.error_pages.server_error"
