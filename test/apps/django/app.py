"""A small Django app in one file: a form, a login, files, streams, live statuses."""
import hashlib
import os
import sys
import threading

from django.conf import settings

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["APP_DATABASE"]}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    USE_TZ=True,
)

import django  # noqa: E402

django.setup()

from django.contrib.auth import authenticate, login  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path, re_path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import condition, require_safe  # noqa: E402
from django.views.static import serve  # noqa: E402

from publish import publish  # noqa: E402

FORM = '<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="%s"><input name="text"></form>'


def form(request):
    if request.method == "POST":
        return HttpResponseRedirect("/thanks/?for=" + request.POST["text"])
    return HttpResponse(FORM % get_token(request))


def sign_in(request):
    if request.method == "POST":
        user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
        if user is None:
            return HttpResponse("wrong name or password\n", status=401)
        login(request, user)
        return HttpResponseRedirect("/account/")
    return HttpResponse(FORM % get_token(request))


@login_required(login_url="/login/")
def account(request):
    return HttpResponse("hello %s\n" % request.user.get_username())


def cookies(request):
    response = HttpResponse("three cookies\n")
    response.set_cookie("one", "1", max_age=3600, httponly=True)
    response.set_cookie("two", "a b;c", path="/cookies/", samesite="Strict")
    response.delete_cookie("three")
    return response


@csrf_exempt
def upload(request):
    total, digest = 0, hashlib.sha256()
    for piece in request.FILES["file"].chunks():
        total += len(piece)
        digest.update(piece)
    return JsonResponse({"size": total, "sha256": digest.hexdigest(), "name": request.FILES["file"].name})


def download(request, megabytes):
    piece = bytes(range(256)) * 256  # 64 KiB
    return StreamingHttpResponse((piece for _ in range(megabytes * 16)), content_type="application/octet-stream")


pieces = threading.Semaphore(0)


def slow(request):
    """Five pieces, each only when POST /more/ asked for it."""
    def body():
        for i in range(5):
            pieces.acquire(timeout=20)
            yield "piece %d\n" % i
    return StreamingHttpResponse(body(), content_type="text/plain")


@csrf_exempt
def more(request):
    pieces.release()
    return HttpResponse(status=204)


@csrf_exempt
def statuses(request):
    """The status page. Who waits for news polls /live/statuses, at the proxy."""
    with connection.cursor() as cursor:
        if request.method == "POST":
            with transaction.atomic():
                cursor.execute("INSERT INTO status (text) VALUES (%s)", [request.POST["text"]])
                news = {"id": cursor.lastrowid, "text": request.POST["text"]}
                transaction.on_commit(lambda: publish("room:statuses", news))
            return HttpResponseRedirect("/statuses/")
        cursor.execute("SELECT id, text FROM status ORDER BY id")
        return JsonResponse({"statuses": [{"id": i, "text": text} for i, text in cursor.fetchall()]})


@csrf_exempt
def echo(request, rest=""):
    """What arrives here, less what a proxy is expected to add."""
    added = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_GRIP_FEATURE", "HTTP_X_REQUEST_ID", "HTTP_CONNECTION")
    return JsonResponse({
        "method": request.method, "target": request.META["RAW_URI"], "path": request.path,
        "query": request.META["QUERY_STRING"], "body": request.body.decode("latin-1"),
        "length": request.META.get("CONTENT_LENGTH"), "type": request.META.get("CONTENT_TYPE"),
        "headers": {k: v for k, v in sorted(request.META.items()) if k.startswith("HTTP_") and k not in added},
    })


def forwarded(request):
    return JsonResponse({name: request.headers.get(name) for name in
                         ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")})


@require_safe
@condition(etag_func=lambda request: '"v1"')
def tagged(request):
    return HttpResponse("tagged\n")


@require_safe
def only_get(request):
    return HttpResponse("read only\n")


def absolute(request):
    return HttpResponseRedirect(request.build_absolute_uri("/thanks/?a=1"))


def broken(request):
    raise RuntimeError("on purpose")


urlpatterns = [
    path("form/", form), path("login/", sign_in), path("account/", account), path("cookies/", cookies),
    path("thanks/", lambda request: HttpResponse("thanks for %s\n" % request.GET.get("for", ""))),
    path("upload/", upload), path("download/<int:megabytes>/", download), path("slow/", slow), path("more/", more),
    path("statuses/", statuses), path("forwarded/", forwarded), path("tagged/", tagged), path("read/", only_get),
    path("absolute/", absolute), path("empty/", lambda request: HttpResponse(status=204)), path("broken/", broken),
    re_path("^static/(?P<path>.*)$", serve, {"document_root": os.path.dirname(os.path.abspath(__file__))}),
    re_path("^echo/(?P<rest>.*)$", echo),
]
application = get_wsgi_application()

if __name__ == "__main__":  # python3 app.py: makes the database
    from django.contrib.auth.models import User
    call_command("migrate", verbosity=0)
    User.objects.create_user("ann", password="secret")
    with connection.cursor() as c:
        c.execute("CREATE TABLE status (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    sys.exit(0)
