# The words of the pages in German.

language-tag = de
direction = ltr

## Dates and durations

date = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
} { $year }
date-time = { $date }, { $time } Uhr (UTC)
duration-minutes = { $count ->
    [one] { $count } Minute
   *[other] { $count } Minuten
}
duration-hours = { $count ->
    [one] { $count } Stunde
   *[other] { $count } Stunden
}
duration-days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
}

## On every page

account-link = Ihre verbundenen Apps
support-link = Hilfe
privacy-link = Datenschutz
return-to = Zurück zu { $place }
return-to-app = Zurück zur App
sign-in-with = Mit { $upstream } anmelden

## The consent page

lead-web = { $place } möchte { $resource } in Ihrem Namen nutzen
lead-document = Eine App von { $document } möchte { $resource } in Ihrem Namen nutzen
lead-loopback = Eine App auf diesem Computer möchte { $resource } in Ihrem Namen nutzen
lead-private-scheme = Eine App auf diesem Gerät möchte { $resource } in Ihrem Namen nutzen
lead-vouched = { $name } möchte { $resource } in Ihrem Namen nutzen

# Claims of the app. They stand in quotation marks and are never the first sentence.
claim-vouched = Eingerichtet vom Team hinter diesem Dienst.
claim-documented = Diese Website nennt die App „{ $name }“.
claim-documented-unnamed = Diese Website beschreibt die App und gibt ihr keinen Namen.
claim-says-document = Die App nennt sich selbst „{ $name }“ und gibt an, von { $document } zu stammen. Niemand hat das geprüft.
claim-says-document-unnamed = Die App gibt an, von { $document } zu stammen. Niemand hat das geprüft.
claim-unchecked = Die App nennt sich selbst „{ $name }“. Niemand hat das geprüft.
claim-unnamed = Die App gibt keinen Namen an, und niemand hat geprüft, von wem sie stammt.
claim-withheld = Die App gibt einen Namen an, der hier nicht angezeigt werden kann.

doubt-claims-approval = Der Name erweckt den Eindruck, die App sei genehmigt. Niemand hat diese App genehmigt oder geprüft.
doubt-instructs = Der Name sagt Ihnen, was Sie tun sollen. Ein ehrlicher Name tut das nicht.
doubt-confusable = Der Name enthält Buchstaben, die andere nachahmen.
doubt-unreadable = Der Name enthält Zeichen, die Sie täuschen könnten.
doubt-well-known-web = Sie kennen „{ $name }“ von anderswo. { $place } ist nicht die Website dazu: Wahrscheinlich ist es nicht die App, die Sie meinen.
doubt-well-known-scheme = Sie kennen „{ $name }“ von anderswo. Die App dieses Namens öffnet keine Links mit { $place }: Wahrscheinlich ist es nicht die App, die Sie meinen.
doubt-address = Der Name enthält eine Adresse. Dorthin geht der Zugriff nicht.

danger-elsewhere = Den Zugriff erhält { $place }. Das ist nicht { $document }, die Website, die diese App beschreibt.
danger-confusable = { $place } ist mit Buchstaben geschrieben, die eine andere Adresse nachahmen.

question-web = Kommen Sie gerade von { $place }? Wenn nicht, lehnen Sie ab.
question-loopback = Haben Sie selbst gerade begonnen, eine App auf diesem Computer zu verbinden? Wenn nicht, lehnen Sie ab: Wir können nicht sehen, welche App hier anfragt.
question-private-scheme = Haben Sie selbst gerade begonnen, eine App auf diesem Gerät zu verbinden? Wenn nicht, lehnen Sie ab: Wir können nicht sehen, welche App hier anfragt.
question-vouched = Haben Sie gerade begonnen, { $name } zu verbinden? Wenn nicht, lehnen Sie ab.

what-heading = Was die App tun könnte
what-everything = Alles, was Sie selbst dort tun können: Die App hat keine Grenzen genannt
upstream-tokens = { $resource } bekommt einen Schlüssel zu Ihrem Konto bei { $upstream } (ein Zugriffstoken) und kann dort in Ihrem Namen handeln.
group-reading = Nur ansehen
group-changing = Etwas ändern
new-scope = neu
tools = { $count ->
    [one] schaltet { $count } Werkzeug frei
   *[other] schaltet { $count } Werkzeuge frei
}
choice-hint = Entfernen Sie das Häkchen bei allem, was Sie nicht erlauben möchten. Dann funktioniert in der App vielleicht nicht alles, was sie anbietet.
presets = Ankreuzen: { $read_only } oder { $everything }.
preset-read-only = nur ansehen
preset-everything = alles

as-known = Als <strong>{ $person }</strong>, mit Ihrem Konto bei { $upstream }
not-you = Anderes Konto verwenden
next-sign-in = Nächster Schritt: Sie melden sich bei { $upstream } an. Dort wählen Sie das Konto.
next-known = Nächster Schritt: { $upstream } bestätigt, dass Sie es sind.
how-long = Der Zugriff gilt höchstens { $lifetime }. Früher beenden können Sie ihn unter { $apps }.
policy-linked = Wenn Sie das erlauben, stimmen Sie auch der Richtlinie von { $issuer } zu: { $policy }.
policy-plain = Wenn Sie das erlauben, stimmen Sie auch der Richtlinie von { $issuer } in der Version { $version } zu.
policy-version = Version { $version }

answer-heading = Erlauben Sie das?
deny = Ablehnen
approve = Erlauben
closing-fresh = Nicht sicher? Lehnen Sie ab oder schließen Sie diese Seite: Solange Sie nichts erlauben, geschieht nichts.
closing-approved = Sie wollten das nicht erlauben? Lehnen Sie jetzt ab.

notice-changed = <strong>Bitte sehen Sie noch einmal hin.</strong> Seit Ihnen diese Seite gezeigt wurde, hat sich etwas an dieser App geändert. Noch ist nichts entschieden.
notice-policy = <strong>Die Richtlinie hat sich geändert</strong>, seit Sie diese App erlaubt haben. Was Sie erlaubt haben, gilt weiter. Lesen Sie, was neu ist, bevor Sie antworten.
notice-approved = <strong>Sie haben das erlaubt, sich aber noch nicht angemeldet.</strong> Unten steht, was Sie gewählt haben. Bis Sie sich angemeldet haben, können Sie es ändern: Ihre letzte Antwort zählt.
notice-signing-in = <strong>Sie haben das erlaubt, und Ihre Anmeldung wird gerade abgeschlossen.</strong> Unten steht, was Sie gewählt haben. Ablehnen können Sie noch. Um etwas anderes zu erlauben, beginnen Sie in der App von vorn.
notice-embedded = Diese Seite wird innerhalb einer anderen App angezeigt, die mitlesen könnte, was Sie als Nächstes eingeben. Öffnen Sie die Seite wenn möglich in Ihrem eigenen Browser.

details-heading = Details
details-app = Die App
details-registered = Hier zuerst gesehen am
details-address = Adresse, die den Zugriff erhält
details-resource = Adresse von { $resource }
details-scopes = Namen der Berechtigungen
details-deny = Wenn Sie ablehnen
details-deny-text = Es wird nichts weitergegeben. Die App erfährt, dass Sie abgelehnt haben, und sonst nichts über Sie.

goes-to-web = Den Zugriff erhält { $place }.
goes-to-loopback = Den Zugriff erhält eine App auf diesem Computer, unter { $place }.
goes-to-private-scheme = Den Zugriff erhält die App auf diesem Gerät, die Links öffnet, die mit { $place } beginnen.

## The page with one button

one-click-before = Sie haben das schon einmal erlaubt. { $goes }
one-click-button = Weiter als { $person }
one-click-full = Alles anzeigen oder ablehnen
one-click-closing = Nicht sicher? Schließen Sie diese Seite: Solange Sie nicht weitermachen, geschieht nichts.

## After the login

signed-in-title = Sie haben sich als { $person } angemeldet. Sind Sie das?
signed-in-account = Das Konto { $account } bei { $upstream }.
signed-in-warning = Wenn das nicht Ihr Konto ist, machen Sie nicht weiter: Die App würde im Namen einer anderen Person handeln, und diese Person könnte sehen, was Sie dort tun.
signed-in-what = Was Sie gleich erlauben
signed-in-notice-changed = <strong>Bitte sehen Sie noch einmal hin.</strong> Seit Ihnen diese Seite gezeigt wurde, hat sich etwas an dieser App geändert. Noch wurde nichts weitergegeben.
signed-in-answer = Sind Sie das?

## The page of a finished request

allowed-lead-web = Sie haben { $place } erlaubt, { $resource } in Ihrem Namen zu nutzen
allowed-lead-document = Sie haben einer App von { $document } erlaubt, { $resource } in Ihrem Namen zu nutzen
allowed-lead-loopback = Sie haben einer App auf diesem Computer erlaubt, { $resource } in Ihrem Namen zu nutzen
allowed-lead-private-scheme = Sie haben einer App auf diesem Gerät erlaubt, { $resource } in Ihrem Namen zu nutzen
allowed-lead-vouched = Sie haben { $name } erlaubt, { $resource } in Ihrem Namen zu nutzen
allowed-ended = <strong>Das ist beendet.</strong> Sie haben die Erlaubnis zurückgenommen, oder ihre Zeit ist abgelaufen. Die App kann damit nichts mehr tun.
allowed-too-late = <strong>Diese Antwort kam zu spät.</strong> Sie hatten es bereits erlaubt, und die App hat ihren Zugriff. Er bleibt bestehen, bis Sie die Erlaubnis zurücknehmen.
allowed-what = Was Sie am { $day } erlaubt haben
allowed-back = So nehmen Sie es zurück
allowed-nothing-left = Es gibt nichts mehr zurückzunehmen. Ein Zugriff endet sofort oder, wo er nicht jedes Mal geprüft wird, innerhalb weniger Minuten.
allowed-take-back = Damit endet alles, was die App in { $resource } in Ihrem Namen tun darf: sofort oder, wo der Zugriff nicht jedes Mal geprüft wird, innerhalb weniger Minuten.
allowed-take-back-button = Erlaubnis zurücknehmen
allowed-other-session = In diesem Browser sind Sie nicht mit dem Konto angemeldet, das Sie verwendet haben. Melden Sie sich damit an und entfernen Sie den Zugriff unter { $apps }.

## Connected apps

account-title = Ihre verbundenen Apps
account-intro = Diese Apps dürfen etwas in Ihrem Namen nutzen. Wenn Sie eine App entfernen, kann sie nichts mehr tun, bis Sie es ihr wieder erlauben.
account-person = Sie sind als <strong>{ $person }</strong> angemeldet, mit Ihrem Konto bei { $upstream }.
account-incomplete = Es sind mehr, als auf diese Seite passen. Wenn Sie einige entfernen, rücken die anderen nach.
account-empty = Über dieses Konto hat hier keine App Zugriff.
account-empty-hint = Sie haben hier eine App erwartet? Vielleicht haben Sie beim Verbinden ein anderes Konto bei { $upstream } verwendet.
account-just-removed = <strong>Entfernt.</strong> Diese Apps können nichts mehr tun:
app-vouched = { $name }
app-documented = Eine App von { $document }
app-unknown = Eine App
app-removed = Diese App ist hier nicht mehr bekannt und kann deshalb nichts mehr tun.
receiver-web = { $place }
receiver-loopback = Eine App auf einem Computer ({ $place })
receiver-private-scheme = Eine App auf einem Gerät ({ $place })
account-also = Den Zugriff erhielt auch:
account-scopes = Was die App in { $resource } tun kann
account-since = Erlaubt am { $time }
account-last-used = Zuletzt genutzt am { $time }
account-unused = In letzter Zeit nicht genutzt
account-expires = Endet spätestens am { $time }
account-remove = Entfernen
account-all-heading = Alle zusammen
account-all-summary = Alle Apps entfernen …
account-all-text = Jede App oben muss Sie erst wieder fragen, bevor sie etwas tun kann.
account-all-button = Ja, alle Apps entfernen
account-connection-heading = Was dieser Dienst für Sie bei { $upstream } tun darf
account-connection-in-order = Dieser Dienst kann Ihr Konto bei { $upstream } nutzen, um zu tun, was Ihre Apps von ihm verlangen. Die Apps selbst erhalten diesen Zugang nie.
account-connection-since = Sie haben sich am { $time } angemeldet
account-connection-scopes = Was der Zugang umfasst, in den Worten von { $upstream }
account-connection-scopes-unknown = { $upstream } hat dazu nichts angegeben
account-connection-end = Verbindung trennen
account-connection-end-hint = Ihre Apps bleiben erlaubt. Was sie von { $upstream } brauchen, geht aber erst wieder, wenn Sie sich dort neu anmelden.
account-connection-sign-in = { $upstream } akzeptiert diesen Zugang nicht mehr, oder er ist abgelaufen. Eine App, die ihn braucht, wird Sie bitten, sich neu anzumelden.
account-connection-ended = Getrennt am { $time }. Eine App, die diesen Zugang braucht, wird Sie bitten, sich neu anzumelden.
account-connection-just-ended = <strong>Getrennt.</strong> Dieser Dienst kann bei { $upstream } nichts mehr für Sie tun. Ihre Apps bleiben erlaubt.
account-removed-heading = In den letzten 30 Tagen entfernt
account-removed-app = { $app }, in { $resource }
account-removed-hint = Ein Zugriff endet sofort oder, wo er nicht jedes Mal geprüft wird, innerhalb weniger Minuten. Was eine App vorher abgerufen hat, hat sie vielleicht behalten.
account-session-heading = Diese Seite
account-session = Wenn Sie diese Seite nicht nutzen, werden Sie hier nach 15 Minuten abgemeldet.
account-sign-out = Von dieser Seite abmelden
sign-in-text = Hier sehen Sie, welche Apps etwas in Ihrem Namen nutzen dürfen, und können das zurücknehmen. Damit wir Ihnen Ihre Apps zeigen und nicht die einer anderen Person, müssen wir wissen, wer Sie sind.
sign-in-state = Sie sind auf dieser Seite nicht angemeldet.
sign-in-closing = Wenn Sie sich hier anmelden, erhält dadurch keine App etwas. Wir fragen { $upstream } nur, wer Sie sind.

## The page at the service’s own address

home-title = Anmeldung und Berechtigungen
home-text = Dieser Dienst fragt Sie, bevor eine App etwas in Ihrem Namen nutzen darf. Apps führen Sie hierher; Sie selbst brauchen hier nichts zu beginnen.
home-account = Ansehen und zurücknehmen können Sie Ihre Erlaubnisse unter { $apps }.

## Errors

error-next-heading = Was Sie tun können
error-details-heading = Für das Team hinter diesem Dienst
error-request-id = Vorgangsnummer
error-reason = Grund
error-details = Details
error-retry = Die Frage noch einmal öffnen
error-account = Sie haben <strong>{ $person }</strong> verwendet, Ihr Konto bei { $upstream }.

start-again = Gehen Sie zurück zu der App, die Sie verbinden wollten, und beginnen Sie dort die Verbindung neu.
tell-the-maker = Gehen Sie zurück zur App und versuchen Sie es noch einmal. Landen Sie wieder hier, hat die App einen Fehler, den nur das Team hinter der App beheben kann: Teilen Sie ihm mit, was auf dieser Seite steht. Die Details unten helfen dabei.
tell-us = Versuchen Sie es gleich noch einmal. Wenn es wieder geschieht, wenden Sie sich an das Team hinter diesem Dienst und nennen Sie die Vorgangsnummer unten.
refused-app = Die Anfrage der App kann so nicht angenommen werden

error-not-found =
    .title = Hier ist nichts
    .what = Diese Adresse führt zu keiner Seite.
    .next = Prüfen Sie die Adresse oder gehen Sie zurück zu der App, aus der Sie kommen.
error-method-not-allowed =
    .title = Das geht hier nicht
    .what = Diese Adresse gibt es, aber nicht für diese Art von Anfrage.
    .next = { start-again }
error-too-many-requests =
    .title = Bitte warten Sie einen Moment
    .what = Von Ihnen oder von anderen in Ihrem Netzwerk kamen mehr Anfragen, als in so kurzer Zeit beantwortet werden.
    .next = Warten Sie eine Minute und laden Sie diese Seite neu. Hilft das nicht, beginnen Sie in der App von vorn.
error-at-capacity =
    .title = Bitte versuchen Sie es gleich noch einmal
    .what = Gerade ist so viel los, dass dieser Dienst nicht antworten kann.
    .next = Warten Sie ein paar Sekunden und laden Sie diese Seite neu. Hilft das nicht, beginnen Sie in der App von vorn.
error-issuer-unknown =
    .title = Hier ist nichts
    .what = Unter dieser Adresse antwortet kein Anmeldedienst.
    .next = Prüfen Sie die Adresse oder gehen Sie zurück zu der App, aus der Sie kommen.
error-parameter-repeated =
    .title = { refused-app }
    .what = Die Anfrage der App enthält dieselbe Angabe mehr als einmal.
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = In der Anfrage der App fehlt etwas Notwendiges.
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = Die Anfrage der App war nicht lesbar.
    .next = { tell-the-maker }
error-request-too-large =
    .title = Diese Anfrage ist zu groß
    .what = Ihr Browser oder die App hat mehr gesendet, als hier angenommen wird.
    .next = Gehen Sie zurück zur App und beginnen Sie von vorn. Hilft das nicht, löschen Sie vorher in Ihrem Browser die Cookies dieser Website.
error-unauthenticated =
    .title = Dieser Dienst ist nicht richtig eingerichtet
    .what = Zwei Teile dieses Dienstes erkennen einander nicht. Das liegt weder an Ihnen noch an der App.
    .next = Wenden Sie sich an das Team hinter diesem Dienst und nennen Sie die Vorgangsnummer unten.
error-permission-denied =
    .title = Dieser Dienst ist nicht richtig eingerichtet
    .what = Zwei Teile dieses Dienstes erkennen einander nicht. Das liegt weder an Ihnen noch an der App.
    .next = Wenden Sie sich an das Team hinter diesem Dienst und nennen Sie die Vorgangsnummer unten.
error-record-unknown =
    .title = Hier ist nichts
    .what = Was angefragt wurde, gibt es hier nicht oder nicht mehr.
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = Ein anderer Dienst hat nach etwas gefragt, das es nicht mehr gibt.
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = Ein anderer Dienst hat nach etwas gefragt, das es nicht mehr gibt.
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = Ein anderer Dienst hat nach etwas gefragt, das es nicht mehr gibt.
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = Ein anderer Dienst hat nach etwas gefragt, das es nicht mehr gibt.
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = Zwei verschiedene Anfragen tragen dieselbe Nummer.
    .next = { tell-the-maker }
error-store-unavailable =
    .title = Bitte versuchen Sie es gleich noch einmal
    .what = Dieser Dienst kann gerade nicht antworten.
    .next = Warten Sie ein paar Sekunden und laden Sie diese Seite neu. Hilft das nicht, beginnen Sie in der App von vorn.
error-storage-short =
    .title = Zurzeit keine neuen Verbindungen
    .what = Dieser Dienst hat gerade keinen Platz für Neues. Verbindungen, die Sie schon haben, funktionieren weiter.
    .next = Versuchen Sie es später noch einmal. Für das Team hinter diesem Dienst ist es im Protokoll vermerkt.
error-fault =
    .title = Etwas ist schiefgegangen
    .what = In diesem Dienst ist ein Fehler aufgetreten, und er wurde festgehalten.
    .next = { tell-us }
error-client-unknown =
    .title = Diese App ist hier nicht bekannt
    .what = Die App ist bei diesem Dienst nicht registriert, oder ihre Registrierung ist abgelaufen.
    .next = Entfernen Sie in der App diese Verbindung und fügen Sie sie wieder hinzu. Dann stellt sich die App hier neu vor.
error-client-disabled =
    .title = Diese App wurde gesperrt
    .what = Das Team hinter diesem Dienst hat die App gesperrt.
    .next = Wenn Sie das für einen Irrtum halten, fragen Sie dort nach und nennen Sie die Vorgangsnummer unten.
error-client-authentication-failed =
    .title = Die App konnte nicht beweisen, wer sie ist
    .what = Die App hat einen falschen oder gar keinen Schlüssel vorgelegt.
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = Die App konnte nicht beweisen, wer sie ist
    .what = Die App hat einen falschen oder gar keinen Schlüssel vorgelegt.
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = Die App konnte nicht beweisen, wer sie ist
    .what = Die App hat einen falschen oder gar keinen Schlüssel vorgelegt.
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = Die App konnte nicht beweisen, wer sie ist
    .what = Die App hat einen falschen oder gar keinen Schlüssel vorgelegt.
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = Die App konnte nicht beweisen, wer sie ist
    .what = Die App hat einen falschen oder gar keinen Schlüssel vorgelegt.
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = Die App konnte nicht beweisen, wer sie ist
    .what = Die App hat einen falschen oder gar keinen Schlüssel vorgelegt.
    .next = { tell-the-maker }
error-access-token-missing =
    .title = Die App hat hier keinen Zugriff
    .what = Die App hat keinen Schlüssel mitgebracht oder einen, der hier nicht gilt.
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = Die App hat hier keinen Zugriff
    .what = Die App hat keinen Schlüssel mitgebracht oder einen, der hier nicht gilt.
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = Die App darf das nicht
    .what = Was der App erlaubt wurde, schließt dies nicht ein.
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = Die App hat auf zwei Arten zugleich angegeben, wer sie ist.
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = Diese Anfrage wurde gestoppt
    .what = Der Zugriff sollte an eine Adresse gehen, die die App nie registriert hat. Das kann ein Versehen sein – oder jemand versucht, an Ihr Konto zu gelangen.
    .next = Es wurde nichts weitergegeben. Wenn Sie über einen Link hierhergekommen sind, den Ihnen jemand geschickt hat, verwenden Sie ihn nicht noch einmal. Wenn Sie selbst gerade eine App verbinden, entfernen Sie dort die Verbindung und fügen Sie sie wieder hinzu.
error-metadata-url-invalid =
    .title = { refused-app }
    .what = Die App stellt sich mit einer Adresse vor, unter der nichts abgerufen werden kann.
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = Apps von dieser Website werden nicht angenommen
    .what = Das Team hinter diesem Dienst nimmt nur Apps von ausgewählten Websites an.
    .next = Wenn Sie meinen, dass diese App dazugehören sollte, fragen Sie dort nach und nennen Sie die Vorgangsnummer unten.
error-metadata-document-invalid =
    .title = Die Website der App bestätigt die App nicht
    .what = Die App gibt an, dass eine Website sie beschreibt. Was dort steht, passt nicht zur App, oder dort steht nichts.
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = Die Website der App antwortet nicht
    .what = Die App gibt an, dass eine Website sie beschreibt, und diese Website kann gerade nicht gefragt werden.
    .next = Warten Sie eine Minute und laden Sie diese Seite neu. Hält es an, ist die Website der App vielleicht ausgefallen.
error-redirect-uri-forbidden =
    .title = Diese App darf hier nicht verbunden werden
    .what = Das Team hinter diesem Dienst lässt nicht zu, dass der Zugriff dorthin geht, wo diese App ihn haben möchte.
    .next = Wenn Sie das für einen Irrtum halten, fragen Sie dort nach und nennen Sie die Vorgangsnummer unten.
error-registrations-full =
    .title = Zurzeit keine neuen Apps
    .what = Hier haben sich schon so viele Apps vorgestellt, wie dieser Dienst aufnimmt.
    .next = Versuchen Sie es später noch einmal. Hält es an, fragen Sie das Team hinter diesem Dienst.
error-registration-closed =
    .title = Apps können sich hier nicht selbst vorstellen
    .what = Das Team hinter diesem Dienst fügt Apps von Hand hinzu.
    .next = Bitten Sie das Team, die App hinzuzufügen, die Sie verbinden möchten.
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = Ein Server hat etwas verlangt, das es hier nicht gibt.
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = Ein Server wollte Zugriff auf ein Konto, das hier nicht verwendet wird.
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = Ein Server wollte Zugriff auf Ihr Konto beim Anmeldedienst, den er hier nicht bekommt.
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = Das muss noch einmal erlaubt werden
    .what = Ihnen wurde noch nicht gesagt, dass der Server beim Anmeldedienst in Ihrem Namen handelt.
    .next = Beginnen Sie in der App die Verbindung neu.
error-account-no-longer-allowed =
    .title = Dieses Konto ist hier nicht mehr zugelassen
    .what = Das Team hinter diesem Dienst lässt dieses Konto nicht mehr zu. Der App wurde mitgeteilt, dass ihr Zugriff beendet ist.
    .next = Beginnen Sie in der App die Verbindung neu, wenn Sie ein anderes Konto haben, das zugelassen ist. Wenn Sie meinen, dass auch dieses zugelassen sein sollte, fragen Sie das Team hinter diesem Dienst und nennen Sie die Vorgangsnummer unten.
error-upstream-login-needed =
    .title = Sie müssen sich neu anmelden
    .what = Der Anmeldedienst nimmt diese Verbindung nicht mehr an.
    .next = Beginnen Sie in der App die Verbindung neu.
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = Der Dienst, bei dem Sie sich anmelden, ist gerade nicht erreichbar.
    .next = Warten Sie eine Minute und versuchen Sie es dann noch einmal.
error-token-type-unsupported =
    .title = { refused-app }
    .what = Die App wollte etwas zurückgeben, das sich nicht zurückgeben lässt.
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = Die App hat nicht angegeben, wohin der Zugriff gehen soll.
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = Die App hat eine Art der Anmeldung verlangt, die hier nicht angeboten wird.
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = Die App hat eine Art der Anmeldung verlangt, die hier nicht angeboten wird.
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = Die App hat eine Art der Anmeldung verlangt, die hier nicht angeboten wird.
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = Die App hat eine Art der Anmeldung verlangt, die hier nicht angeboten wird.
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = Die App hat eine Schutzmaßnahme (PKCE) weggelassen, die hier vorgeschrieben ist.
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = Die App hat eine Schutzmaßnahme (PKCE) weggelassen, die hier vorgeschrieben ist.
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = Die App hat eine Schutzmaßnahme (PKCE) weggelassen, die hier vorgeschrieben ist.
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = Die App hat Zugriff auf etwas verlangt, das nicht unter dem Schutz dieses Dienstes steht.
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = Die App hat nicht angegeben, worauf sie Zugriff haben möchte.
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = Die App hat eine Berechtigung verlangt, die es hier nicht gibt.
    .next = { tell-the-maker }
error-interaction-required =
    .title = Sie müssen gefragt werden
    .what = Die App hat versucht, sich zu verbinden, ohne Ihnen eine Seite zu zeigen. Das ist hier nicht möglich.
    .next = { start-again }
error-ticket-invalid =
    .title = Diese Seite ist nicht gültig
    .what = Der Link zu dieser Seite ist unvollständig.
    .next = { start-again }
error-ticket-expired =
    .title = Diese Seite ist abgelaufen
    .what = Seit die App Sie hierher geführt hat, ist zu viel Zeit vergangen. Es wurde nichts weitergegeben.
    .next = { start-again }
error-cross-site =
    .title = Diese Anfrage wurde gestoppt
    .what = Eine andere Website hat versucht, an Ihrer Stelle zu antworten. Es wurde nichts entschieden und nichts weitergegeben.
    .next = Schließen Sie die andere Website. Wenn Sie selbst gerade eine App verbinden, beginnen Sie dort von vorn.
error-browser-cookie-missing =
    .title = Ihr Browser hat sein Cookie nicht mitgeschickt
    .what = Ihre Antwort können wir nur aus dem Browser annehmen, der die Frage angezeigt hat. Das belegt ein Cookie, und es kam nicht zurück. Es wurde nichts entschieden.
    .next = Erlauben Sie Cookies für diese Website und beginnen Sie dann in der App von vorn. Wenn die App diese Seite in einem eigenen Fenster geöffnet hat, verwenden Sie Ihren normalen Browser.
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = Diese Adresse beginnt mit http, und manche Browser, darunter Safari, bewahren dort kein geschütztes Cookie auf. Verwenden Sie hier Chrome, Edge oder Firefox oder eine Adresse, die mit https beginnt.
error-form-token-invalid =
    .title = Ihre Antwort konnte nicht angenommen werden
    .what = Sie gehört nicht zu der Seite, die diesem Browser gezeigt wurde. Es wurde nichts entschieden.
    .next = Gehen Sie zurück, laden Sie die Seite neu und antworten Sie noch einmal. Hilft das nicht, beginnen Sie in der App von vorn.
error-decision-missing =
    .title = Sie haben noch nicht gewählt
    .what = Weder „Erlauben“ noch „Ablehnen“ ist hier angekommen, oder bei keiner Berechtigung war noch ein Häkchen gesetzt. Es wurde nichts entschieden.
    .next = Gehen Sie zurück und wählen Sie eine der beiden Schaltflächen.
error-already-decided =
    .title = Sie haben das abgelehnt
    .what = Sie haben Nein gesagt, und das wurde der App mitgeteilt. Es wurde nichts weitergegeben, und dabei bleibt es.
    .next = Um es doch zu erlauben, beginnen Sie in der App die Verbindung neu.
error-login-begun =
    .title = Ihre Antwort lässt sich nicht mehr ändern
    .what = Sie haben das vorhin erlaubt, und die Anmeldung dafür hat begonnen. Es gilt, was Sie dabei ausgewählt hatten.
    .next = Um es aufzuhalten, gehen Sie zurück und wählen Sie „Ablehnen“. Um etwas anderes zu erlauben, beginnen Sie in der App die Verbindung neu.
error-state-invalid =
    .title = Dieser Link ist nicht gültig
    .what = Er gehört zu keiner Anmeldung, die hier begonnen wurde.
    .next = { start-again }
error-login-replaced =
    .title = Sie haben inzwischen noch einmal geantwortet
    .what = Diese Anmeldung gehört zu einer früheren Antwort von Ihnen, und eine spätere hat sie ersetzt. Diese Seite hat nichts weitergegeben.
    .next = Melden Sie sich auf der Seite an, auf der Sie zuletzt geantwortet haben, oder beginnen Sie in der App die Verbindung neu.
error-state-cookie-missing =
    .title = Diese Anmeldung kann hier nicht fortgesetzt werden
    .what = Sie wurde in einem anderen Browser begonnen oder ist schon beendet. Diese Seite hat nichts weitergegeben.
    .next = Wenn Ihnen jemand diesen Link geschickt hat, schließen Sie die Seite. Wenn Sie selbst eine App verbinden wollten, beginnen Sie dort von vorn und bleiben Sie in einem Browser.
error-browser-mismatch =
    .title = Diese Anfrage wurde gestoppt
    .what = Die Anmeldung kam aus einem anderen Browser als die Erlaubnis. Es wurde nichts weitergegeben.
    .next = Wenn Ihnen jemand einen Link zum Anmelden geschickt hat, schließen Sie die Seite. Wenn Sie selbst eine App verbinden wollten, beginnen Sie dort von vorn und bleiben Sie in einem Browser.
error-login-expired =
    .title = Die Anmeldung hat zu lange gedauert
    .what = Die Zeit für die Anmeldung ist abgelaufen. Es wurde nichts weitergegeben.
    .next = { start-again }
error-login-interrupted =
    .title = Die Anmeldung wurde unterbrochen
    .what = Diese Anmeldung wird gerade an anderer Stelle abgeschlossen oder ist unterwegs abgebrochen.
    .next = Sehen Sie in der App nach: Vielleicht ist sie schon verbunden. Wenn nicht, beginnen Sie dort die Verbindung neu.
error-already-finished =
    .title = Diese Anmeldung ist schon beendet
    .what = Die Seite wurde noch einmal geöffnet, nachdem alles erledigt war.
    .next = Sie können sie schließen. Wenn die App nicht verbunden ist, beginnen Sie dort die Verbindung neu.
error-too-many-failed-logins =
    .title = Bitte warten Sie einen Moment
    .what = Zu viele Anmeldungen sind fehlgeschlagen, von Ihnen oder von anderen in Ihrem Netzwerk. Ihre Anmeldung wurde noch nicht versucht.
    .next = Warten Sie eine Minute und laden Sie diese Seite neu.
error-upstream-unavailable =
    .title = Der Anmeldedienst antwortet nicht
    .what = Der Dienst, bei dem Sie sich anmelden, ist gerade nicht erreichbar. Es wurde nichts weitergegeben.
    .next = Warten Sie eine Minute und beginnen Sie dann in der App die Verbindung neu.
error-upstream-invalid =
    .title = Die Anmeldung konnte nicht bestätigt werden
    .what = Der Dienst, bei dem Sie sich anmelden, hat eine Antwort gegeben, der nicht zu trauen ist. Es wurde nichts weitergegeben.
    .next = { tell-us }
error-upstream-denied =
    .title = Sie wurden nicht angemeldet
    .what = Die Anmeldung wurde abgebrochen, oder der Dienst, bei dem Sie sich anmelden, hat sie abgelehnt. Es wurde nichts weitergegeben.
    .next = { start-again }
error-signed-in-as-another =
    .title = Das waren nicht Sie
    .what = Angemeldet wurde das Konto einer anderen Person. Es wurde nichts weitergegeben, und die App erhält nichts.
    .next = Melden Sie sich bei dem Dienst ab, bei dem Sie sich sonst anmelden. Beginnen Sie dann in der App die Verbindung neu und melden Sie sich mit Ihrem eigenen Konto an.
error-account-not-allowed =
    .title = Dieses Konto ist hier nicht zugelassen
    .what = Das Team hinter diesem Dienst lässt nur bestimmte Konten zu, und dieses gehört nicht dazu. Es wurde nichts weitergegeben, und die App erhält nichts.
    .next = Haben Sie ein anderes Konto, das zugelassen ist? Dann verwenden Sie jenes. Wenn Sie meinen, dass auch dieses zugelassen sein sollte, fragen Sie das Team hinter diesem Dienst und nennen Sie die Vorgangsnummer unten.
error-account-session-missing =
    .title = Sie sind nicht mehr angemeldet
    .what = Diese Seite meldet Sie ab, wenn sie eine Weile nicht genutzt wird. Es wurde nichts geändert.
    .next = Gehen Sie zurück zu Ihren verbundenen Apps, melden Sie sich an und versuchen Sie es noch einmal.
error-grant-type-unsupported =
    .title = { refused-app }
    .what = Die App hat auf einem Weg um Zugriff gebeten, der ihr nicht offensteht.
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = Die App hat auf einem Weg um Zugriff gebeten, der ihr nicht offensteht.
    .next = { tell-the-maker }
error-code-invalid =
    .title = Die Verbindung muss neu hergestellt werden
    .what = Der Code der App ist nicht gültig.
    .next = { start-again }
error-code-replayed =
    .title = Die Verbindung muss neu hergestellt werden
    .what = Der Code der App wurde zweimal verwendet. Deshalb wurde der Zugriff beendet, den er gegeben hatte.
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = Die App hat eine andere Adresse genannt als die, die erlaubt wurde.
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = Die App konnte nicht beweisen, dass sie diese Verbindung begonnen hat.
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = Die Verbindung muss neu hergestellt werden
    .what = Der Zugriff der App ist nicht gültig.
    .next = { start-again }
error-refresh-token-replayed =
    .title = Die Verbindung muss neu hergestellt werden
    .what = Ein alter Schlüssel der App wurde noch einmal verwendet. Deshalb wurde ihr Zugriff beendet.
    .next = { start-again }
error-grant-ended =
    .title = Die Verbindung muss neu hergestellt werden
    .what = Der Zugriff der App ist abgelaufen oder wurde zurückgenommen.
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = Unter der Adresse, die die App genannt hat, kann sie keinen Zugriff erhalten.
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = Was die App über sich angibt, wird hier nicht angenommen.
    .next = { tell-the-maker }
