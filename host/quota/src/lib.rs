//! What each tenant and extension may use, and what they use now.
