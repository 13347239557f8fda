//! A bucket's objects, as somebody sees and damages them who has its keys and no registry.

use extensions_test_servers::Bucket;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, aws::AmazonS3Builder, path::Path};

/// A bucket's objects.
pub(crate) struct Objects(Box<dyn ObjectStore>);

impl Objects {
    pub(crate) fn of(bucket: &Bucket) -> Self {
        let client = AmazonS3Builder::new().with_endpoint(&bucket.endpoint).with_allow_http(true).with_region("us-east-1");
        let client = client.with_bucket_name(&bucket.name).with_access_key_id(&bucket.access_key);
        Self(Box::new(client.with_secret_access_key(&bucket.secret_key).build().unwrap()))
    }

    pub(crate) async fn read(&self, key: &str) -> Vec<u8> {
        self.0.get(&Path::from(key)).await.unwrap().bytes().await.unwrap().to_vec()
    }

    pub(crate) async fn write(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.0.put(&Path::from(key), PutPayload::from(bytes.into())).await.unwrap();
    }
}
