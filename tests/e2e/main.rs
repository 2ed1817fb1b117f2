//! jobtop as its users meet it. One file a subject; every test has a home of its own and shares nothing.

mod harness_itself;
