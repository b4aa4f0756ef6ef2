"""The first tables."""

import sqlalchemy as sa
from alembic import op

from okng.adapters.stores.sql.people_schema import guard_audit_log

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit_anchors",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_anchors")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("details", TEXT, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_action_number", "audit_entries", ["action", "number"])
    op.create_index("ix_audit_entries_actor_number", "audit_entries", ["actor", "number"])
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at"])
    op.create_index("ix_audit_entries_subject_number", "audit_entries", ["subject", "number"])
    op.create_table(
        "inspections",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=True),
        sa.Column("product", TEXT, nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("rank_score", sa.Double(), nullable=False),
        sa.Column("part_id", TEXT, nullable=True),
        sa.Column("lot", TEXT, nullable=True),
        sa.Column("view", TEXT, nullable=True),
        sa.Column("camera", TEXT, nullable=True),
        sa.Column("station", TEXT, nullable=True),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("image", TEXT, nullable=True),
        sa.Column("thumbnail", TEXT, nullable=True),
        sa.Column("reviewed", sa.SmallInteger(), nullable=True),
        sa.Column("is_reviewed", sa.Boolean(), nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspections")),
    )
    op.create_index("ix_inspections_at", "inspections", ["at", "id"])
    op.create_index(
        "ix_inspections_camera_at",
        "inspections",
        ["camera", "at", "id", "product", "verdict", "station", "model"],
        sqlite_where=sa.text("camera IS NOT NULL"),
        postgresql_where=sa.text("camera IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_camera_rank_score",
        "inspections",
        ["camera", "rank_score", "id", "at", "product", "verdict", "station", "model"],
        sqlite_where=sa.text("camera IS NOT NULL"),
        postgresql_where=sa.text("camera IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_image",
        "inspections",
        ["image"],
        sqlite_where=sa.text("image IS NOT NULL"),
        postgresql_where=sa.text("image IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_image_at",
        "inspections",
        ["verdict", "is_reviewed", "at", "id"],
        sqlite_where=sa.text("image IS NOT NULL"),
        postgresql_where=sa.text("image IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_lot",
        "inspections",
        ["lot", "at", "id"],
        sqlite_where=sa.text("lot IS NOT NULL"),
        postgresql_where=sa.text("lot IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_model_at",
        "inspections",
        ["model", "at", "id", "product", "verdict", "camera", "station"],
    )
    op.create_index(
        "ix_inspections_model_rank_score",
        "inspections",
        ["model", "rank_score", "id", "at", "product", "verdict", "camera", "station"],
    )
    op.create_index(
        "ix_inspections_part_id",
        "inspections",
        ["part_id", "at", "id"],
        sqlite_where=sa.text("part_id IS NOT NULL"),
        postgresql_where=sa.text("part_id IS NOT NULL"),
    )
    op.create_index("ix_inspections_product_at", "inspections", ["product", "at", "id"])
    op.create_index(
        "ix_inspections_product_rank_score", "inspections", ["product", "rank_score", "id", "at"]
    )
    op.create_index(
        "ix_inspections_product_verdict_at", "inspections", ["product", "verdict", "at", "id"]
    )
    op.create_index(
        "ix_inspections_product_verdict_rank_score",
        "inspections",
        ["product", "verdict", "rank_score", "id", "at"],
    )
    op.create_index(
        "ix_inspections_queue",
        "inspections",
        ["verdict", "at", "id", "product"],
        sqlite_where=sa.text("verdict > 0 AND NOT is_reviewed"),
        postgresql_where=sa.text("verdict > 0 AND NOT is_reviewed"),
    )
    op.create_index("ix_inspections_rank_score", "inspections", ["rank_score", "id", "at"])
    op.create_index(
        "ix_inspections_reviewed",
        "inspections",
        ["at", "id", "product", "verdict"],
        sqlite_where=sa.text("is_reviewed"),
        postgresql_where=sa.text("is_reviewed"),
    )
    op.create_index(
        "ix_inspections_station_at",
        "inspections",
        ["station", "at", "id", "product", "verdict", "camera", "model"],
        sqlite_where=sa.text("station IS NOT NULL"),
        postgresql_where=sa.text("station IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_station_rank_score",
        "inspections",
        ["station", "rank_score", "id", "at", "product", "verdict", "camera", "model"],
        sqlite_where=sa.text("station IS NOT NULL"),
        postgresql_where=sa.text("station IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_thumbnail",
        "inspections",
        ["thumbnail"],
        sqlite_where=sa.text("thumbnail IS NOT NULL"),
        postgresql_where=sa.text("thumbnail IS NOT NULL"),
    )
    op.create_index(
        "ix_inspections_thumbnail_at",
        "inspections",
        ["verdict", "is_reviewed", "at", "id"],
        sqlite_where=sa.text("thumbnail IS NOT NULL"),
        postgresql_where=sa.text("thumbnail IS NOT NULL"),
    )
    op.create_index("ix_inspections_verdict_at", "inspections", ["verdict", "at", "id"])
    op.create_index(
        "ix_inspections_verdict_rank_score", "inspections", ["verdict", "rank_score", "id", "at"]
    )
    op.create_index(
        "uq_inspections_actor_key",
        "inspections",
        ["actor", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_table(
        "parts",
        sa.Column("product", TEXT, nullable=False),
        sa.Column("part_id", TEXT, nullable=False),
        sa.Column("lot", TEXT, nullable=True),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("inspections", sa.BigInteger(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("product", "part_id", name=op.f("pk_parts")),
    )
    op.create_index("ix_parts_first_at", "parts", ["first_at", "product", "part_id"])
    op.create_index(
        "ix_parts_lot",
        "parts",
        ["lot", "first_at", "product", "part_id"],
        sqlite_where=sa.text("lot IS NOT NULL"),
        postgresql_where=sa.text("lot IS NOT NULL"),
    )
    op.create_index("ix_parts_product_first_at", "parts", ["product", "first_at", "part_id"])
    op.create_table(
        "people",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_people")),
    )
    op.create_table(
        "products",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("deleted", TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_products")),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_attempts")),
    )
    op.create_index(op.f("ix_sign_in_attempts_last"), "sign_in_attempts", ["last"])
    op.create_table(
        "stored_values",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stored_values")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("product", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("folder", TEXT, nullable=False),
        sa.Column("layout", TEXT, nullable=False),
        sa.Column("counts", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("deleted", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["product"], ["products.name"], name=op.f("fk_datasets_product_products")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("product", "name", name=op.f("uq_datasets_product_name")),
    )
    op.create_table(
        "known_devices",
        sa.Column("device_hash", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.name"], name=op.f("fk_known_devices_person_people")
        ),
        sa.PrimaryKeyConstraint("device_hash", name=op.f("pk_known_devices")),
    )
    op.create_index(op.f("ix_known_devices_person"), "known_devices", ["person"])
    op.create_table(
        "reviews",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("inspection_id", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("reviewer", TEXT, nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("defect", TEXT, nullable=True),
        sa.Column("note", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_reviews_inspection_id_inspections")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_inspection_id", "reviews", ["inspection_id", "at", "id"])
    op.create_table(
        "sessions",
        sa.Column("id_hash", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.name"], name=op.f("fk_sessions_person_people")
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_person"), "sessions", ["person"])
    op.create_table(
        "tokens",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("rights", TEXT, nullable=False),
        sa.Column("secret_hash", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("expires", TIME, nullable=True),
        sa.Column("last_used", TIME, nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["owner"], ["people.name"], name=op.f("fk_tokens_owner_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_owner"), "tokens", ["owner"])
    op.create_table(
        "jobs",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("product", TEXT, nullable=False),
        sa.Column("dataset_id", TEXT, nullable=False),
        sa.Column("options", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("started", TIME, nullable=True),
        sa.Column("finished", TIME, nullable=True),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("model", TEXT, nullable=True),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("worker", TEXT, nullable=True),
        sa.Column("log_lines", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_jobs_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["product"], ["products.name"], name=op.f("fk_jobs_product_products")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_created", "jobs", ["created", "id"])
    op.create_index("ix_jobs_product", "jobs", ["product", "created", "id"])
    op.create_index("ix_jobs_state", "jobs", ["state", "created", "id"])
    op.create_table(
        "uploads",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("product", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("dataset_id", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_uploads_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["product"], ["products.name"], name=op.f("fk_uploads_product_products")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_table(
        "job_log",
        sa.Column("job_id", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_log_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_job_log")),
    )
    guard_audit_log(op.get_bind())
