from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from accounts.models import Institution, Membership, User


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(User)
class PlatformUserAdmin(UserAdmin):
    inlines = [MembershipInline]


@admin.register(Institution)
class InstitutionAdmin(admin.ModelAdmin):
    list_display = ["name", "created_at"]
