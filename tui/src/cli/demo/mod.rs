//! `jobtop demo`: real pipelines on real files, on a daemon of its own.

mod desk;
mod generate;
mod pipelines;
mod post;
mod sink;
