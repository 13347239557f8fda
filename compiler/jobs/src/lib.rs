//! What registry and compile worker say to each other about a job.
