//! The filter language of `jobtop-query(7)`.
