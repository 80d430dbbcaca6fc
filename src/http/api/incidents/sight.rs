//! Who sees how much of an incident. The house sees all of it. Who sees only some customers' things sees all of it where it touches
//! nobody else, else what those customers see; stakeholders always see what their customers see.

use hotline_core::directory::Directory;
use hotline_core::ids::{CustomerId, IncidentId, ServiceId};
use hotline_core::incident::{By, Incident};

use crate::http::AppState;
use crate::http::auth::{Right, Role, Viewer};
use crate::http::problem::Problem;
use crate::store::incidents::{IncidentFilter, Touching};

/// How much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// What these customers see.
    As(Vec<CustomerId>),
    /// Nothing: there is no such incident.
    Nothing,
}

impl Sight {
    /// Of this viewer.
    pub fn of(viewer: &Viewer, incident: &Incident, directory: &Directory) -> Self {
        let own = own(viewer, directory);
        if viewer.role == Role::Stakeholder {
            let drill_or_none = incident.drill.is_some();
            let seeing: Vec<CustomerId> =
                own.into_iter().filter(|id| incident.seen_by(id, directory).is_some()).collect();
            return if drill_or_none || seeing.is_empty() { Self::Nothing } else { Self::As(seeing) };
        }
        if viewer.customers.is_none() {
            return Self::Whole;
        }
        if is_only_about(incident, &own, directory) {
            return Self::Whole;
        }
        let seeing: Vec<CustomerId> = own.into_iter().filter(|id| incident.seen_by(id, directory).is_some()).collect();
        if seeing.is_empty() { Self::Nothing } else { Self::As(seeing) }
    }

    /// All of it, or 403 for who sees only a part.
    pub fn whole(&self) -> Result<(), Problem> {
        match self {
            Self::Whole => Ok(()),
            Self::As(_) => Err(Problem::forbidden(
                "incident-of-others-too",
                "This incident touches other customers as well, or you only read; somebody who sees all of it must do this.",
            )),
            Self::Nothing => Err(Problem::not_found("incident")),
        }
    }
}

/// Whether it holds nothing about anybody else: whom it touches, and whom it ever touched or told.
pub fn is_only_about(incident: &Incident, own: &[CustomerId], directory: &Directory) -> bool {
    let touched = incident.touched(directory);
    !touched.is_empty() && touched.iter().chain(&incident.ever).all(|id| own.contains(id))
}

/// The customers that they see.
pub fn own(viewer: &Viewer, directory: &Directory) -> Vec<CustomerId> {
    let all = directory.customers.keys();
    match &viewer.customers {
        None => all.cloned().collect(),
        Some(own) => all.filter(|id| own.contains(&id.0)).cloned().collect(),
    }
}

/// What touches these customers: themselves, their services and the shared ones.
pub fn touching(customers: Vec<CustomerId>, directory: &Directory) -> Touching {
    let theirs = |owner: Option<&CustomerId>| owner.is_none_or(|owner| customers.contains(owner));
    let services: Vec<ServiceId> = directory
        .services
        .values()
        .filter(|service| theirs(service.customer.as_ref()))
        .map(|service| service.id.clone())
        .collect();
    Touching { customers, services }
}

/// Narrows a filter to what they may see at all.
pub fn narrow(filter: &mut IncidentFilter, viewer: &Viewer, directory: &Directory) {
    let stakeholder = viewer.role == Role::Stakeholder;
    if stakeholder || viewer.customers.is_some() {
        filter.touching.push(touching(own(viewer, directory), directory));
    }
    if stakeholder {
        filter.published = true;
        filter.no_drills = true;
    }
}

/// Who they are for the core.
pub fn by(viewer: &Viewer) -> By {
    By { actor: viewer.actor(), person: viewer.user.clone(), role: Some(viewer.role.word().to_owned()) }
}

/// The incident of a path as its reader sees it; 404 for who does not.
pub async fn look(state: &AppState, viewer: &Viewer, id: &str) -> Result<(Incident, Sight), Problem> {
    let missing = || Problem::not_found("incident");
    let id: IncidentId = id.parse().map_err(|_| missing())?;
    let incident = state.records().incident(id).await?.ok_or_else(missing)?;
    match Sight::of(viewer, &incident, &state.board().directory()) {
        Sight::Nothing => Err(missing()),
        sight @ (Sight::Whole | Sight::As(_)) => Ok((incident, sight)),
    }
}

/// The same for who wants to change it.
pub async fn handle(state: &AppState, viewer: &Viewer, id: &str) -> Result<Incident, Problem> {
    let (incident, sight) = look(state, viewer, id).await?;
    viewer.require(Right::HandleAlerts)?;
    sight.whole()?;
    Ok(incident)
}
