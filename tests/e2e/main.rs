//! jobtop as its users meet it. One file a subject; every test has a home of its own and shares nothing.

mod bad_input;
mod commands;
mod crowds;
mod feed;
mod guard;
mod harness_itself;
mod job_control;
mod lifecycle;
mod manuals;
mod network;
mod observe;
mod pipe;
mod pipelines;
mod producers;
mod progress;
mod queue;
mod reattach;
mod report;
mod runner;
mod said;
mod screen;
mod seed_protocol;
mod streams;
mod submit;
mod tidy;
mod workers;
