//! The stream's keys, all of which begin alike.

/// Keys of one namespace's stream.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) stream: String,
    /// What was taken out because nobody brought it to an end.
    pub(super) aside: String,
    /// Who reads, by when it was heard of.
    pub(super) readers: String,
    /// What the key of every job begins with.
    pub(super) jobs: String,
}

impl Names {
    pub(super) fn of(stream: String) -> Self {
        Self { aside: format!("{stream}:aside"), readers: format!("{stream}:readers"), jobs: format!("{stream}:job:"), stream }
    }

    /// The key that says which entry a job's is.
    pub(super) fn job(&self, job: &str) -> String {
        format!("{}{job}", self.jobs)
    }
}
