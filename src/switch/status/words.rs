//! Phases and states as visitors read them.

use hotline_core::incident::{Impact, Phase};
use hotline_core::status::{Indicator, Tongue};

/// How far it is.
pub const fn phase(phase: Phase, tongue: Tongue) -> &'static str {
    match (tongue, phase) {
        (Tongue::En, Phase::Investigating) => "Investigating",
        (Tongue::En, Phase::Identified) => "Identified",
        (Tongue::En, Phase::Monitoring) => "Monitoring",
        (Tongue::En, Phase::Resolved) => "Resolved",
        (Tongue::En, Phase::Scheduled) => "Scheduled",
        (Tongue::En, Phase::InProgress) => "In progress",
        (Tongue::En, Phase::Verifying) => "Verifying",
        (Tongue::En, Phase::Completed) => "Completed",
        (Tongue::De, Phase::Investigating) => "Wird untersucht",
        (Tongue::De, Phase::Identified) => "Ursache gefunden",
        (Tongue::De, Phase::Monitoring) => "Wird beobachtet",
        (Tongue::De, Phase::Resolved) => "Behoben",
        (Tongue::De, Phase::Scheduled) => "Geplant",
        (Tongue::De, Phase::InProgress) => "Läuft",
        (Tongue::De, Phase::Verifying) => "Wird geprüft",
        (Tongue::De, Phase::Completed) => "Abgeschlossen",
    }
}

/// How a component is.
pub const fn impact(impact: Impact, tongue: Tongue) -> &'static str {
    match (tongue, impact) {
        (Tongue::En, Impact::Operational) => "Operational",
        (Tongue::En, Impact::UnderMaintenance) => "Under maintenance",
        (Tongue::En, Impact::DegradedPerformance) => "Degraded performance",
        (Tongue::En, Impact::PartialOutage) => "Partial outage",
        (Tongue::En, Impact::MajorOutage) => "Major outage",
        (Tongue::De, Impact::Operational) => "In Betrieb",
        (Tongue::De, Impact::UnderMaintenance) => "In Wartung",
        (Tongue::De, Impact::DegradedPerformance) => "Eingeschränkt",
        (Tongue::De, Impact::PartialOutage) => "Teilweise ausgefallen",
        (Tongue::De, Impact::MajorOutage) => "Ausgefallen",
    }
}

/// How all is. In English the words that statuspage.io's clients know.
pub const fn indicator(indicator: Indicator, tongue: Tongue) -> &'static str {
    match (tongue, indicator) {
        (Tongue::En, Indicator::None) => "All Systems Operational",
        (Tongue::En, Indicator::Maintenance) => "Service Under Maintenance",
        (Tongue::En, Indicator::Minor) => "Minor Service Outage",
        (Tongue::En, Indicator::Major) => "Partial System Outage",
        (Tongue::En, Indicator::Critical) => "Major Service Outage",
        (Tongue::De, Indicator::None) => "Alle Dienste in Betrieb",
        (Tongue::De, Indicator::Maintenance) => "Wartungsarbeiten",
        (Tongue::De, Indicator::Minor) => "Einschränkungen",
        (Tongue::De, Indicator::Major) => "Teilweiser Ausfall",
        (Tongue::De, Indicator::Critical) => "Ausfall",
    }
}
