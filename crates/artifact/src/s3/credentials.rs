//! Keys of a bucket: texts, or files that may be replaced while the store is open.

use std::{path::PathBuf, str::from_utf8, sync::Arc};

use async_trait::async_trait;
use extensions_service::{FollowError, Followed};
use object_store::{CredentialProvider, aws::AwsCredential};

use crate::settings::{Secret, SettingsError};

/// Keys of any S3 server are shorter.
const KEY_BYTES_MAX: usize = 512;

/// One of the two keys.
#[derive(Debug, Clone)]
enum Source {
    Text(Secret),
    File(PathBuf),
}

impl Source {
    fn of(name: &'static str, text: Option<&Secret>, file: Option<&PathBuf>) -> Result<Option<Self>, SettingsError> {
        match (text, file) {
            (Some(_), Some(_)) => Err(SettingsError::Value { name, problem: "is given twice, as text and as file".to_owned() }),
            (Some(text), None) => Ok(Some(Self::Text(text.clone()))),
            (None, Some(path)) => Ok(Some(Self::File(path.clone()))),
            (None, None) => Ok(None),
        }
    }

    fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Text(_) => None,
            Self::File(path) => Some(path.clone()),
        }
    }

    /// The key; `contents` are those of the files that are left.
    fn key<'c>(&self, contents: &mut impl Iterator<Item = &'c [u8]>) -> Result<String, String> {
        match self {
            Self::Text(secret) => Ok(secret.reveal().to_owned()),
            Self::File(path) => {
                let text = contents.next().and_then(|bytes| from_utf8(bytes).ok()).map(str::trim);
                let key = text.filter(|text| !text.is_empty() && text.len() <= KEY_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()));
                key.map(str::to_owned).ok_or_else(|| format!("{} holds no key: one line of visible characters", path.display()))
            }
        }
    }
}

/// The keys as they are now. Where they are texts there is nothing to follow.
#[derive(Debug, Clone)]
pub(crate) struct Credentials(Followed<AwsCredential>);

impl Credentials {
    /// The keys that are given; none where the environment and the machine's role are to be asked.
    pub(crate) fn open(
        access: (Option<&Secret>, Option<&PathBuf>),
        secret: (Option<&Secret>, Option<&PathBuf>),
    ) -> Result<Option<Self>, SettingsError> {
        let access = Source::of("s3.access_key", access.0, access.1)?;
        let secret = Source::of("s3.secret_key", secret.0, secret.1)?;
        let (access, secret) = match (access, secret) {
            (Some(access), Some(secret)) => (access, secret),
            (None, None) => return Ok(None),
            _ => {
                return Err(SettingsError::Value {
                    name: "s3.access_key and s3.secret_key",
                    problem: "go together: give both or neither".to_owned(),
                });
            }
        };
        let files: Vec<_> = [access.file(), secret.file()].into_iter().flatten().collect();
        let read = move |contents: &[Vec<u8>]| {
            let mut contents = contents.iter().map(Vec::as_slice);
            let (key_id, secret_key) = (access.key(&mut contents)?, secret.key(&mut contents)?);
            Ok::<_, String>(AwsCredential { key_id, secret_key, token: None })
        };
        Followed::open(files, read).map(|followed| Some(Self(followed))).map_err(refused)
    }

    #[cfg(test)]
    pub(crate) fn look(&self) -> extensions_service::Looked {
        self.0.look()
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        Ok(self.0.current())
    }
}

fn refused(error: FollowError) -> SettingsError {
    let problem = match error {
        FollowError::Read { path, source } => return SettingsError::File { action: "read", path, source },
        FollowError::Refused { source, .. } => source.to_string(),
        other => other.with_causes(),
    };
    SettingsError::Value { name: "s3.access_key_file and s3.secret_key_file", problem: format!("cannot be used: {problem}") }
}

#[cfg(test)]
mod tests {
    use extensions_service::Looked;

    use super::*;

    #[tokio::test]
    async fn replaced_files_are_in_force_and_garbage_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (access, secret) = (dir.path().join("access"), dir.path().join("secret"));
        std::fs::write(&access, "one\n").unwrap();
        std::fs::write(&secret, "a-secret\n").unwrap();
        let opened = Credentials::open((None, Some(&access)), (None, Some(&secret))).unwrap().unwrap();
        let now = async || {
            let credential = opened.get_credential().await.unwrap();
            (credential.key_id.clone(), credential.secret_key.clone())
        };
        assert_eq!(now().await, ("one".into(), "a-secret".into()));
        for garbage in ["", "two words", "\u{0}", "ä"] {
            std::fs::write(&access, garbage).unwrap();
            assert_eq!((opened.look(), now().await.0.as_str()), (Looked::Kept, "one"), "{garbage:?}");
        }
        std::fs::write(&access, "two").unwrap();
        assert_eq!((opened.look(), now().await), (Looked::Replaced, ("two".into(), "a-secret".into())));
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "\n").unwrap();
        let error = Credentials::open((Some(&Secret::new("a")), None), (None, Some(&file))).unwrap_err().to_string();
        assert!(error.contains("holds no key") && error.contains("key_file"), "{error}");
    }
}
