//! The whole client against branches in memory that speak real TLS, certify real blocks, and lie when told to.

mod forks;
mod http;
mod server;
mod vice;
mod world;

mod alarms;
mod audit;
mod bisect;
mod blocks;
mod bulk;
mod chains;
mod patients;
mod records;
mod stream;
mod transport;
mod trust;
mod verdict;
mod verify;
mod verify_again;
mod watch;
