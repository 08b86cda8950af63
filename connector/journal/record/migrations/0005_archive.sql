-- Archives: the events of closed months lie in files of their own, STATE_DIR/archive/journal-YYYY-MM.db, and the
-- chain goes on across them. An event book.archived names each file, its digest and its ends; table archive is its
-- projection.

CREATE TABLE archive (
  first       INTEGER PRIMARY KEY, -- numbers of the first and last event in the file
  last        INTEGER NOT NULL,
  month       TEXT    NOT NULL,    -- of the events, UTC
  file        TEXT    NOT NULL,
  from_at     TEXT    NOT NULL,
  to_at       TEXT    NOT NULL,
  prev        TEXT    NOT NULL,    -- hash of the event before the first
  head        TEXT    NOT NULL,    -- and of the last one
  sha256      TEXT    NOT NULL,    -- of the file
  size        INTEGER NOT NULL,
  reason      TEXT    NOT NULL,
  event       INTEGER NOT NULL,    -- the event book.archived
  archived_at TEXT    NOT NULL,
  retired     INTEGER NOT NULL,    -- the event book.retired, 0 while the file is to be there
  retired_at  TEXT,
  retired_why TEXT    NOT NULL,
  state        TEXT    NOT NULL,   -- file that tells the tables as they were after the last event; '' = none
  state_sha256 TEXT    NOT NULL,
  state_size   INTEGER NOT NULL
) STRICT;

-- Segments of the content store that were removed because their documents are older than they must be kept.
CREATE TABLE discard (
  segment      TEXT    PRIMARY KEY,
  sha256       TEXT    NOT NULL,
  size         INTEGER NOT NULL,
  index_sha256 TEXT    NOT NULL, -- of the list of what lay there, which stays
  documents    INTEGER NOT NULL,
  carried      INTEGER NOT NULL, -- of them that were needed and stored once more
  before       TEXT    NOT NULL,
  reason       TEXT    NOT NULL,
  event        INTEGER NOT NULL,
  at           TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What an act says, such as where a bank's folders lie, is asked at every visit: it stands in the table, for its event may
-- lie in an archive, or be gone.
ALTER TABLE act ADD COLUMN said TEXT NOT NULL DEFAULT '';

UPDATE act SET said = coalesce((SELECT json_extract(body, '$.as') FROM event WHERE event.seq = act.seq), '');

-- An event may go only once the chain itself says that an archive holds it: the event book.archived must stand in the
-- table, and name the stretch. Who adds a row to table archive gains nothing by it.
DROP TRIGGER event_delete;

CREATE TRIGGER event_delete BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM archive a JOIN event e ON e.seq = a.event
     WHERE OLD.seq BETWEEN a.first AND a.last AND e.kind = 'book.archived'
       AND json_extract(e.body, '$.first') = a.first AND json_extract(e.body, '$.last') = a.last)
BEGIN
  SELECT RAISE(ABORT, 'event is append-only: no row may go that no archive holds');
END;

CREATE VIEW archives AS
SELECT file, month, first AS first_event, last AS last_event, last - first + 1 AS events, from_at, to_at, prev, head,
       sha256, size, reason, event AS archived_by, archived_at, nullif(retired, 0) AS retired_by, retired_at, retired_why,
       state, state_sha256
FROM archive ORDER BY first;

-- What everything means, as in the step before, with the archives.
CREATE VIEW discarded AS
SELECT segment, sha256, size, index_sha256, documents, carried, before, reason, event AS discarded_by, at AS discarded_at
FROM discard ORDER BY event;

DROP VIEW journal_help;

CREATE VIEW journal_help (name, column_name, meaning) AS VALUES
('event', '', 'Цепочка событий: только дополняется, каждое событие связано хэшем с предыдущим. Всё остальное восстанавливается из неё. События закрытых месяцев лежат в файлах archives; journal query даёт всё вместе в представлении event_all'),
('event', 'seq', 'Номер события, без пропусков'),
('event', 'at', 'Время события, UTC'),
('event', 'instance', 'Установка программы, которая записала событие'),
('event', 'actor', 'Кто: программа или имя оператора'),
('event', 'kind', 'Что произошло: exchange.delivered, incoming.settled, operator.acted; каждый вид объяснён здесь под своим именем'),
('event', 'bank', 'БИК банка; пусто, если событие не о банке'),
('event', 'exchange', 'Номер документа (exchanges.id, receipts.id); 0, если событие не о документе'),
('event', 'body', 'Подробности, JSON'),
('event', 'prev', 'Хэш предыдущего события'),
('event', 'hash', 'SHA-256 этого события вместе с prev'),
('exchanges', '', 'Исходящие документы АИС: постановления (order) и запросы (query)'),
('exchanges', 'id', 'Номер документа в журнале'),
('exchanges', 'bank', 'БИК банка'),
('exchanges', 'kind', 'Вид: order - постановление, query - запрос'),
('exchanges', 'code', 'Код постановления'),
('exchanges', 'internal_key', 'Ключ документа в АИС'),
('exchanges', 'doc_num', 'Номер документа'),
('exchanges', 'doc_date', 'Дата документа'),
('exchanges', 'ip_num', 'Номер исполнительного производства'),
('exchanges', 'amount', 'Сумма, рубли'),
('exchanges', 'state', 'Состояние: Accepted принят, Held задержан, Sealed запечатан, Sending отправляется, Ambiguous исход неизвестен, Delivered доставлен, Confirmed подтверждён банком, Answered получен ответ, Closed закрыт, Suspect решает человек, Refused не отправлен, Rejected отклонён банком, Cancelled отменён'),
('exchanges', 'seq', 'Номер конверта в потоке банка, без пропусков'),
('exchanges', 'accepted_at', 'Когда принят от АИС'),
('exchanges', 'sealed_at', 'Когда подписан и запечатан'),
('exchanges', 'sending_at', 'Когда объявлена отправка'),
('exchanges', 'delivered_at', 'Когда доставлен банку'),
('exchanges', 'confirmed_at', 'Когда банк подтвердил приём'),
('exchanges', 'answered_at', 'Когда пришёл окончательный ответ'),
('exchanges', 'closed_at', 'Когда закрыт'),
('exchanges', 'due_at', 'Срок следующего шага'),
('exchanges', 'rule', 'Норма, из которой следует срок'),
('exchanges', 'attempts', 'Сколько раз пробовали отправить'),
('exchanges', 'resends', 'Сколько раз человек отправил повторно'),
('exchanges', 'file_name', 'Имя конверта у банка'),
('exchanges', 'file_sha256', 'SHA-256 конверта'),
('exchanges', 'file_size', 'Размер конверта, октеты'),
('exchanges', 'source_sha256', 'SHA-256 файла, который оставила АИС'),
('exchanges', 'base_key', 'Ключ документа, на который этот ссылается'),
('exchanges', 'answer_code', 'Код ответа банка'),
('exchanges', 'evidence', 'Чем доказана доставка'),
('exchanges', 'signer', 'Отпечаток нашего сертификата, SHA-256'),
('exchanges', 'reason', 'Причина последнего решения'),
('exchanges', 'open', '1, пока чего-то ждём'),
('exchanges', 'last_event', 'Последнее событие документа'),
('receipts', '', 'Наши квитанции банкам; столбцы как у exchanges'),
('receipts', 'parent', 'Документ, к которому квитанция относится'),
('receipts', 'incoming_id', 'Полученный файл, на который она отвечает'),
('incoming', '', 'Файлы, полученные от банков'),
('incoming', 'id', 'Номер файла в журнале'),
('incoming', 'name', 'Имя файла у банка'),
('incoming', 'sha256', 'SHA-256 файла'),
('incoming', 'size', 'Размер, октеты'),
('incoming', 'received_at', 'Когда получен; на это время проверена подпись'),
('incoming', 'repeats', 'Сколько раз те же байты приходили снова'),
('incoming', 'verdict', 'Подпись: valid верна, invalid неверна, unknown-signer подписал не тот, expired и revoked по сертификату, unchecked не проверялась'),
('incoming', 'code', 'Код отказа'),
('incoming', 'signer', 'Кто подписал: имя и отпечаток сертификата'),
('incoming', 'kind', 'Вид: receipt квитанция, report отчёт об исполнении, answer ответ на запрос'),
('incoming', 'external_key', 'Ключ документа в банке'),
('incoming', 'content_sha256', 'SHA-256 подписанного документа'),
('incoming', 'exchange_id', 'Исходящий документ, к которому файл относится'),
('incoming', 'outcome', 'Решение: matched принят, duplicate повтор, conflict тот же ключ с другим содержанием, orphan не к чему отнести, quarantined отложен, incomplete не дописан, misdirected чужой'),
('incoming', 'state_id', 'Код состояния из квитанции'),
('incoming', 'handed_at', 'Когда передан в АИС'),
('incoming', 'cleaned_at', 'Когда убран из папки банка'),
('incoming', 'stream', 'Поток, в который банк ставит файл: documents или receipts'),
('incoming', 'seq', 'Номер файла в этом потоке, по подписанному описанию банка'),
('incoming', 'previous', 'SHA-256 предыдущего файла потока, по словам банка'),
('gaps', '', 'Номера банков, которые не пришли; пришедший поздно номер закрывает пропуск'),
('gaps', 'stream', 'Поток банка'),
('gaps', 'first', 'Первый пропущенный номер'),
('gaps', 'last', 'Последний пропущенный номер'),
('gaps', 'since', 'С какого времени пропуск виден'),
('gaps', 'told_at', 'Когда о нём сообщено людям'),
('overdue', '', 'Документы, срок которых прошёл или близок; столбцы как у exchanges'),
('overdue', 'late_by', 'Опоздание: дни часы:минуты; с минусом - срок ещё впереди'),
('visits', '', 'Посещения банков'),
('visits', 'slot', 'Место в расписании; пусто - вне расписания'),
('visits', 'outcome', 'Исход: ok, partial, failed; skipped - время пришло, пока шло прежнее посещение'),
('visits', 'sent', 'Отправлено файлов'),
('visits', 'taken', 'Получено файлов'),
('visits', 'bytes', 'Передано октетов'),
('visits', 'error', 'Что помешало'),
('bank_daily', '', 'Банк по дням (UTC): сколько документов вошло в каждое состояние'),
('bank_daily', 'received', 'Получено файлов от банка'),
('bank_daily', 'quarantined', 'Из них отложено'),
('bank_daily', 'open_now', 'Открытых документов сейчас, а не в тот день'),
('bank_daily', 'oldest_open', 'Самый старый открытый сейчас'),
('operator_acts', '', 'Что делали люди; строки bankconnector - папки банка, принятые программой при первом посещении'),
('operator_acts', 'actor', 'Кто'),
('operator_acts', 'act', 'Что: release выпустить, resend отправить повторно, reject отклонить, cancel отменить, resolve установить исход, dispute расхождение с реестром банка, adopt принять восстановленный журнал, approve одобрить изменение конфигурации; с окончанием .proposed - предложено и ждёт второго человека'),
('operator_acts', 'reason', 'Почему'),
('keys_expiring', '', 'Ключи и сертификаты по сроку'),
('keys_expiring', 'what', 'Что это'),
('keys_expiring', 'subject', 'Кому выдан'),
('keys_expiring', 'not_after', 'Действует до'),
('keys_expiring', 'days_left', 'Осталось дней'),
('banks', '', 'Банки конфигурации: БИК, имя, состояние'),
('archives', '', 'Архивы: файлы с событиями закрытых месяцев, в папке archive рядом с журналом; цепочка хэшей идёт через них без разрыва'),
('archives', 'file', 'Имя файла'),
('archives', 'month', 'Месяц событий, UTC'),
('archives', 'first_event', 'Первое событие в файле'),
('archives', 'last_event', 'Последнее событие в файле'),
('archives', 'events', 'Сколько в нём событий'),
('archives', 'from_at', 'Время первого события'),
('archives', 'to_at', 'Время последнего события'),
('archives', 'prev', 'Хэш события перед первым: последний хэш предыдущего архива'),
('archives', 'head', 'Хэш последнего события: с него продолжается цепочка'),
('archives', 'sha256', 'SHA-256 файла'),
('archives', 'size', 'Размер файла, октеты'),
('archives', 'reason', 'Почему: правило или слова человека'),
('archives', 'archived_by', 'Событие book.archived, которое называет файл'),
('archives', 'archived_at', 'Когда'),
('archives', 'retired_by', 'Событие book.retired, по которому файл удалён по сроку хранения; пусто, пока файл на месте'),
('archives', 'retired_at', 'Когда'),
('archives', 'retired_why', 'По какому правилу'),
('archives', 'state', 'Файл с таблицами на конец удалённых архивов: с ним проверяется остальное'),
('archives', 'state_sha256', 'SHA-256 этого файла'),
('discarded', '', 'Части хранилища документов, удалённые по сроку хранения'),
('discarded', 'segment', 'Имя файла в папке store'),
('discarded', 'sha256', 'SHA-256 этого файла'),
('discarded', 'size', 'Размер, октеты'),
('discarded', 'index_sha256', 'SHA-256 списка того, что в нём было; список (.gone) остаётся'),
('discarded', 'documents', 'Сколько в нём было документов'),
('discarded', 'carried', 'Сколько из них ещё нужны и сохранены заново'),
('discarded', 'before', 'До какого времени были нужны остальные'),
('discarded', 'reason', 'По какому правилу'),
('discarded', 'discarded_by', 'Событие store.discarded'),
('discarded', 'discarded_at', 'Когда'),
('book.archived', '', 'События закрытого месяца лежат в архиве: файл, его SHA-256, первое и последнее событие и хэши на концах'),
('book.retired', '', 'Срок хранения архива истёк: файл удаляется, его хэши остаются в этом событии'),
('store.discarded', '', 'Срок хранения документов истёк: часть хранилища удаляется'),
('note.quarantine', '', 'Отложенный файл удаляется из папки quarantine по сроку хранения; в хранилище он остаётся'),
('exchange.*', '', 'Документ перешёл в состояние, названное вторым словом: exchange.accepted, exchange.sealed и так далее; состояния объяснены у exchanges.state'),
('exchange.opened', '', 'Документ принят от АИС'),
('exchange.attempted', '', 'Попытка доставки не удалась; состояние прежнее'),
('incoming.received', '', 'Файл банка получен и сохранён'),
('incoming.repeated', '', 'Те же байты пришли снова'),
('incoming.held', '', 'Ответ ждёт: нет свежих сведений об отзыве сертификата'),
('incoming.settled', '', 'По файлу банка принято решение'),
('incoming.reopened', '', 'Файл банка рассматривается заново'),
('incoming.handed', '', 'Ответ передан в АИС'),
('incoming.cleaned', '', 'Файл убран из папки банка'),
('incoming.missed', '', 'О пропуске в номерах банка сообщено'),
('visit.begun', '', 'Посещение банка началось'),
('visit.ended', '', 'Посещение банка закончилось'),
('slot.taken', '', 'Место в расписании занято: второй раз оно не исполняется'),
('operator.acted', '', 'Решение человека: кто, что и почему'),
('book.created', '', 'Журнал начат'),
('book.migrated', '', 'Схема журнала обновлена'),
('book.adopted', '', 'Человек принял журнал, восстановленный из копии; неотправленные документы стали Suspect'),
('config.loaded', '', 'Прочитана конфигурация: файл, SHA-256, число банков'),
('config.trust', '', 'Сертификаты и списки отозванных, на которые программа опирается с этого места: файлы и SHA-256'),
('config.signer', '', 'С этого места подписывает другой наш сертификат'),
('banks.listed', '', 'Банки конфигурации на это время'),
('keys.listed', '', 'Ключи и сертификаты на это время'),
('alarm.delivery', '', 'Исход доставки выяснить не удалось'),
('alarm.overdue', '', 'Срок документа прошёл'),
('alarm.incoming', '', 'Файлу банка нельзя верить; он отложен'),
('alarm.unchecked', '', 'Ответ ждёт проверки отзыва сертификата'),
('alarm.office.conflict', '', 'АИС оставила под тем же ключом другой документ'),
('alarm.signing', '', 'Смена нашего сертификата не удалась'),
('alarm.config', '', 'Конфигурация меняет ключ или адресата банка или убирает банк с документами и не одобрена: действует прежняя'),
('alarm.checkpoints', '', 'Контрольные точки не выходят за пределы машины; отправка прекращается'),
('alarm.journal.behind', '', 'Журнал короче, чем его контрольные точки: программа только принимает'),
('alarm.held', '', 'Документ ждёт документа-основания, который сам не идёт дальше; решает человек'),
('alarm.large', '', 'Файл банка больше дозволенного; он остаётся у банка непрочитанным'),
('alarm.folders', '', 'Папки банка на его сервере оказались не там, где были; работа с банком стоит, решает человек (bank accept)'),
('alarm.office.unknown', '', 'В папках АИС лежат документы для банка, которого нет в настройках; они не тронуты'),
('alarm.timestamp', '', 'Метки времени на контрольные точки журнала не приходят дольше срока; обмен от них не зависит'),
('note.timestamp', '', 'Метки времени на контрольные точки журнала снова приходят'),
('note.lifting', '', 'Записано при основном документе: какой документ его снимает, целиком или в части'),
('alarm.gap', '', 'Номера банка пропущены больше часа: ответ банка мог пропасть'),
('alarm.number', '', 'Номер банка дан двум разным документам, или банк называет предыдущим другой файл'),
('alarm.panic', '', 'Программа ошиблась при посещении банка; посещение прервано, остальные банки работают'),
('alarm.receipt', '', 'Квитанция банка противоречит тому, что известно; решает человек'),
('alarm.rejected', '', 'Банк отклонил документ'),
('alarm.disk', '', 'На диске нет места'),
('note.checkpoints', '', 'Контрольные точки снова выходят, отправка продолжена'),
('note.receipt.duplicate', '', 'Банк назвал документ повтором, первый экземпляр у него есть'),
('note.reply.later', '', 'Ещё один ответ после закрытия документа'),
('note.office.repeated', '', 'АИС оставила тот же документ снова'),
('journal_help', '', 'Эта справка');
