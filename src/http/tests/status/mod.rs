//! Status pages through the whole router, with two customers who must not see each other.

mod fixture;
mod forms;
mod learned;
mod secret;
mod shapes;
mod shown;
