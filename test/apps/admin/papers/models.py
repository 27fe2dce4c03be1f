from django.db import models


class Paper(models.Model):
    title = models.CharField(max_length=100)
    file = models.FileField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)

    def __str__(self):
        return self.title
