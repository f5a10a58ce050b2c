//! Who waits for messages, and who for room to send one; and who is to be looked at again when something has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{BoxId, Contents};
use crate::{
    engine::{project_mail::ProjectWanted, state::parts::InstanceId},
    model::{MailboxName, MessageType},
};

/// What a node waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::state) enum WaitsFor {
    /// So many messages, of one type or of any.
    Messages(Wanted),
    /// Room in a mailbox.
    Room(BoxId),
    /// Messages in a mailbox of the project.
    Beyond(ProjectWanted),
    /// Room in a mailbox of the project.
    RoomBeyond(MailboxName),
}

/// Messages that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::state) struct Wanted {
    pub(in crate::engine::state) mailbox: BoxId,
    pub(in crate::engine::state) kind: Option<MessageType>,
    pub(in crate::engine::state) count: usize,
}

/// All that wait.
///
/// Of those that want the same, who wants fewest comes first, then who stands first in the run; senders stand in a line. So a message, or
/// room for one, wakes one of them, and a long list costs nothing.
#[derive(Debug, Default)]
pub(in crate::engine::state) struct Waiting {
    all: BTreeMap<InstanceId, WaitsFor>,
    receivers: HashMap<(BoxId, Option<MessageType>), BTreeSet<(usize, InstanceId)>>,
    senders: HashMap<BoxId, BTreeSet<(u64, InstanceId)>>,
    /// The places in the line of senders.
    places: HashMap<InstanceId, u64>,
    next_place: u64,
    /// What is wanted of mailboxes of the project.
    beyond: HashMap<InstanceId, ProjectWanted>,
}

impl Waiting {
    /// Whom nothing holds but what it waits for, the first in the run.
    pub(in crate::engine::state) fn first(&self) -> Option<(InstanceId, &WaitsFor)> {
        self.all.first_key_value().map(|(id, what)| (*id, what))
    }

    /// What an instance waits for.
    pub(in crate::engine::state) fn of(&self, id: InstanceId) -> Option<&WaitsFor> {
        self.all.get(&id)
    }

    /// Whether anybody waits for room.
    pub(in crate::engine::state) fn has_senders(&self) -> bool {
        !self.senders.is_empty()
    }

    /// What is wanted of mailboxes of the project.
    pub(in crate::engine::state) fn beyond(&self) -> &HashMap<InstanceId, ProjectWanted> {
        &self.beyond
    }

    /// Who waits for room in a mailbox of the project.
    pub(in crate::engine::state) fn for_room_beyond(&self, mailbox: &MailboxName) -> impl Iterator<Item = InstanceId> {
        let waits = move |what: &WaitsFor| matches!(what, WaitsFor::RoomBeyond(name) if name == mailbox);
        self.all.iter().filter(move |(_, what)| waits(what)).map(|(id, _)| *id)
    }

    /// Has an instance wait that waits for nothing yet.
    pub(super) fn begin(&mut self, id: InstanceId, what: WaitsFor) {
        match &what {
            WaitsFor::Messages(wanted) => {
                let key = (wanted.mailbox, wanted.kind.clone());
                self.receivers.entry(key).or_default().insert((wanted.count, id));
            }
            WaitsFor::Room(mailbox) => {
                self.senders.entry(*mailbox).or_default().insert((self.next_place, id));
                self.places.insert(id, self.next_place);
                self.next_place += 1;
            }
            WaitsFor::Beyond(wanted) => {
                self.beyond.insert(id, wanted.clone());
            }
            WaitsFor::RoomBeyond(_) => {}
        }
        self.all.insert(id, what);
    }

    /// An instance waits no more; gives what it waited for.
    pub(super) fn end(&mut self, id: InstanceId) -> Option<WaitsFor> {
        let what = self.all.remove(&id)?;
        match &what {
            WaitsFor::Messages(wanted) => {
                let key = (wanted.mailbox, wanted.kind.clone());
                if let Some(receivers) = self.receivers.get_mut(&key) {
                    receivers.remove(&(wanted.count, id));
                    if receivers.is_empty() {
                        self.receivers.remove(&key);
                    }
                }
            }
            WaitsFor::Room(mailbox) => {
                let place = self.places.remove(&id).unwrap_or_default();
                if let Some(senders) = self.senders.get_mut(mailbox) {
                    senders.remove(&(place, id));
                    if senders.is_empty() {
                        self.senders.remove(mailbox);
                    }
                }
            }
            WaitsFor::Beyond(_) => {
                self.beyond.remove(&id);
            }
            WaitsFor::RoomBeyond(_) => {}
        }
        Some(what)
    }

    /// Who may take what there is: the first of those that want messages of the mailbox of this type, or of any.
    pub(super) fn receiver(&self, mailbox: BoxId, kind: Option<&MessageType>, contents: &Contents) -> Option<InstanceId> {
        let (count, id) = self.receivers.get(&(mailbox, kind.cloned()))?.first()?;
        (*count <= contents.count(kind)).then_some(*id)
    }

    /// Who may send when there is room: the first of those that wait for it.
    pub(in crate::engine::state) fn sender(&self, mailbox: BoxId) -> Option<InstanceId> {
        self.senders.get(&mailbox)?.first().map(|(_, id)| *id)
    }
}
