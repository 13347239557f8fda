//! The object store: typed keys, documents, compare-and-swap, verified blobs, on disk and on S3.
