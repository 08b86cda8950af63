-- The banks' own numbers, and what makes a bank's mailbox that bank's.
--
-- Numbers: where a bank's signed manifest places each file, and what is
-- missing in between. A bank whose replies were taken before this began has no known
-- beginning of its streams.

ALTER TABLE arrival ADD COLUMN stream TEXT NOT NULL DEFAULT '';
ALTER TABLE arrival ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE arrival ADD COLUMN previous TEXT NOT NULL DEFAULT '';

CREATE INDEX arrival_number ON arrival (bank, stream, seq) WHERE seq > 0;

CREATE TABLE heard (
  bank   TEXT    NOT NULL,
  stream TEXT    NOT NULL, -- '' = replies without numbers
  low    INTEGER NOT NULL,
  high   INTEGER NOT NULL,
  PRIMARY KEY (bank, stream)
) STRICT, WITHOUT ROWID;

INSERT INTO heard (bank, stream, low, high) SELECT DISTINCT bank, '', 0, 0 FROM arrival WHERE outcome = 'matched';

CREATE TABLE gap (
  bank    TEXT    NOT NULL,
  stream  TEXT    NOT NULL,
  first   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  since   TEXT    NOT NULL,
  told_at TEXT,
  PRIMARY KEY (bank, stream, first)
) STRICT, WITHOUT ROWID;

CREATE INDEX gap_untold ON gap (since) WHERE told_at IS NULL;

-- What makes each bank's mailbox that bank's, as the configuration in force last said it, and
-- since which event.
CREATE TABLE route (
  bic    TEXT    PRIMARY KEY,
  route  TEXT    NOT NULL,
  listed INTEGER NOT NULL, -- 1 = it is in the configuration
  since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

DROP VIEW incoming;

CREATE VIEW incoming AS
SELECT id, bank, name, claimed, sha256, size, received_at, repeats, verdict, code, signer, kind, external_key,
       content_sha256, nullif(exchange, 0) AS exchange_id, outcome, nullif(state_id, 0) AS state_id, reason,
       settled_at, handed_at, cleaned_at, last_event, nullif(stream, '') AS stream, nullif(seq, 0) AS seq,
       nullif(previous, '') AS previous
FROM arrival;

CREATE VIEW gaps AS SELECT bank, stream, first, last, since, told_at FROM gap;

DROP VIEW journal_help;

CREATE VIEW journal_help (name, column_name, meaning) AS VALUES
('event', '', 'Цепочка событий: только дополняется, каждое событие связано хэшем с предыдущим. Всё остальное восстанавливается из неё'),
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
('operator_acts', '', 'Что делали люди'),
('operator_acts', 'actor', 'Кто'),
('operator_acts', 'act', 'Что: release выпустить, resend отправить повторно, reject отклонить, cancel отменить, resolve установить исход, dispute расхождение с реестром банка, adopt принять восстановленный журнал, approve одобрить изменение конфигурации; с окончанием .proposed - предложено и ждёт второго человека'),
('operator_acts', 'reason', 'Почему'),
('keys_expiring', '', 'Ключи и сертификаты по сроку'),
('keys_expiring', 'what', 'Что это'),
('keys_expiring', 'subject', 'Кому выдан'),
('keys_expiring', 'not_after', 'Действует до'),
('keys_expiring', 'days_left', 'Осталось дней'),
('banks', '', 'Банки конфигурации: БИК, имя, состояние'),
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
