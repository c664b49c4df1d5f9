"""Issuing: drafts and issued bundles, their manifests, notes, revisions and the index of weeks."""
