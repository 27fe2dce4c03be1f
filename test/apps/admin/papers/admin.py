import hashlib

from django.contrib import admin

from .models import Paper


@admin.register(Paper)
class PaperAdmin(admin.ModelAdmin):
    list_display = ["title", "size", "sha256"]
    list_per_page = 50
    search_fields = ["title"]

    def size(self, paper):
        return paper.file.size if paper.file else 0

    def save_model(self, request, paper, form, change):
        if "file" in form.changed_data:
            digest = hashlib.sha256()
            for piece in paper.file.chunks():
                digest.update(piece)
            paper.sha256 = digest.hexdigest()
        super().save_model(request, paper, form, change)
