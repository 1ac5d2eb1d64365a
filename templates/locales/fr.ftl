# The words of the pages in French.

language-tag = fr
direction = ltr

## Dates and durations

date = { $day } { $month ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
} { $year }
date-time = { $date } à { $time } (UTC)
duration-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
duration-hours = { $count ->
    [one] { $count } heure
   *[other] { $count } heures
}
duration-days = { $count ->
    [one] { $count } jour
   *[other] { $count } jours
}

## On every page

account-link = Vos applications connectées
support-link = Aide
privacy-link = Confidentialité
return-to = Revenir à { $place }
return-to-app = Revenir à l’application
sign-in-with = S’identifier avec { $upstream }

## The consent page

lead-web = { $place } demande à utiliser { $resource } en votre nom
lead-document = Une application du site { $document } demande à utiliser { $resource } en votre nom
lead-loopback = Une application sur cet ordinateur demande à utiliser { $resource } en votre nom
lead-private-scheme = Une application sur cet appareil demande à utiliser { $resource } en votre nom
lead-vouched = { $name } demande à utiliser { $resource } en votre nom

# Claims of the app. They stand in quotation marks and are never the first sentence.
claim-vouched = Application mise en place par les responsables de ce service.
claim-documented = Ce site appelle cette application « { $name } ».
claim-documented-unnamed = Ce site décrit cette application sans lui donner de nom.
claim-says-document = L’application dit s’appeler « { $name } » et avoir été créée par { $document }. Personne ne l’a vérifié.
claim-says-document-unnamed = L’application dit avoir été créée par { $document }. Personne ne l’a vérifié.
claim-unchecked = L’application dit s’appeler « { $name } ». Personne ne l’a vérifié.
claim-unnamed = L’application ne donne pas de nom, et personne n’a vérifié qui l’a créée.
claim-withheld = L’application donne un nom qui ne peut pas être affiché ici.

doubt-claims-approval = Ce nom laisse croire à une approbation. Personne n’a approuvé ni vérifié cette application.
doubt-instructs = Ce nom vous dit quoi faire. Un nom honnête ne le fait pas.
doubt-confusable = Ce nom utilise des lettres qui en imitent d’autres.
doubt-unreadable = Ce nom contient des caractères qui pourraient vous tromper.
doubt-well-known-web = Vous connaissez « { $name } » par ailleurs. { $place } n’est pas son site : ce n’est sans doute pas l’application à laquelle vous pensez.
doubt-well-known-scheme = Vous connaissez « { $name } » par ailleurs. L’application de ce nom n’ouvre pas les liens { $place } : ce n’est sans doute pas celle à laquelle vous pensez.
doubt-address = Ce nom contient une adresse. Ce n’est pas elle qui reçoit l’accès.

danger-elsewhere = C’est { $place } qui reçoit l’accès. Ce n’est pas { $document }, le site qui décrit cette application.
danger-confusable = { $place } s’écrit avec des lettres qui imitent une autre adresse.

question-web = Arrivez-vous à l’instant du site { $place } ? Sinon, refusez.
question-loopback = Venez-vous de commencer vous-même à connecter une application sur cet ordinateur ? Sinon, refusez : nous ne pouvons pas voir quelle application fait cette demande.
question-private-scheme = Venez-vous de commencer vous-même à connecter une application sur cet appareil ? Sinon, refusez : nous ne pouvons pas voir quelle application fait cette demande.
question-vouched = Venez-vous de commencer à connecter { $name } ? Sinon, refusez.

what-heading = Ce que l’application pourrait faire
what-everything = Tout ce que vous pouvez y faire vous-même : l’application n’a indiqué aucune limite
upstream-tokens = { $resource } reçoit une clé de votre compte { $upstream } (un jeton d’accès) et peut y agir en votre nom.
group-reading = Consulter seulement
group-changing = Modifier quelque chose
new-scope = nouveau
tools = { $count ->
    [one] donne accès à { $count } outil
   *[other] donne accès à { $count } outils
}
choice-hint = Décochez ce que vous ne voulez pas autoriser. L’application ne pourra peut-être plus faire tout ce qu’elle propose.
presets = Cocher : { $read_only } ou { $everything }.
preset-read-only = consulter seulement
preset-everything = tout

as-known = Avec votre compte chez { $upstream } : <strong>{ $person }</strong>
not-you = Utiliser un autre compte
next-sign-in = Étape suivante : vous identifier chez { $upstream }. C’est là que vous choisirez le compte.
next-known = Étape suivante : { $upstream } confirme que c’est bien vous.
how-long = L’accès dure au plus { $lifetime }. Vous pouvez y mettre fin plus tôt sur la page { $apps }.
policy-linked = En autorisant, vous acceptez aussi les conditions fixées par { $issuer } : { $policy }.
policy-plain = En autorisant, vous acceptez aussi les conditions fixées par { $issuer }, version { $version }.
policy-version = version { $version }

answer-heading = Donnez-vous votre autorisation ?
deny = Refuser
approve = Autoriser
closing-fresh = Un doute ? Refusez, ou fermez cette page : rien ne se passe tant que vous n’avez pas donné votre autorisation.
closing-approved = Vous ne vouliez pas donner cette autorisation ? Refusez maintenant.

notice-changed = <strong>Veuillez vérifier à nouveau.</strong> Quelque chose a changé dans cette application depuis que cette page vous a été montrée. Rien n’est encore décidé.
notice-policy = <strong>Les conditions ont changé</strong> depuis que vous avez autorisé cette application. Ce que vous avez autorisé reste valable ; lisez ce qui est nouveau avant de répondre.
notice-approved = <strong>Vous avez donné votre autorisation, mais il vous reste à vous identifier.</strong> Vos choix figurent ci-dessous. Jusqu’à votre identification, vous pouvez les modifier : c’est votre dernière réponse qui compte.
notice-signing-in = <strong>Vous avez donné votre autorisation, et votre identification se termine.</strong> Vos choix figurent ci-dessous. Vous pouvez encore refuser ; pour autoriser autre chose, recommencez depuis l’application.
notice-embedded = Cette page s’affiche à l’intérieur d’une autre application, qui pourrait lire ce que vous allez saisir. Si possible, ouvrez-la dans votre propre navigateur.

details-heading = Détails
details-app = L’application
details-registered = Vue ici pour la première fois le
details-address = Adresse qui reçoit l’accès
details-resource = Adresse où se trouve { $resource }
details-scopes = Noms des autorisations
details-deny = Si vous refusez
details-deny-text = Rien n’est communiqué. L’application apprend que vous avez refusé, et rien d’autre sur vous.

goes-to-web = C’est { $place } qui reçoit l’accès.
goes-to-loopback = L’accès est reçu par une application sur cet ordinateur, à l’adresse { $place }.
goes-to-private-scheme = L’accès est reçu par l’application qui ouvre les liens en { $place } sur cet appareil.

## The page with one button

one-click-before = Vous l’avez déjà autorisé. { $goes }
one-click-button = Continuer avec le compte { $person }
one-click-full = Tout afficher, ou refuser
one-click-closing = Un doute ? Fermez cette page : rien ne se passe tant que vous ne continuez pas.

## After the login

signed-in-title = Vous venez de vous identifier avec le compte { $person }. Est-ce bien vous ?
signed-in-account = Le compte { $account } chez { $upstream }.
signed-in-warning = Si ce n’est pas votre compte, ne continuez pas : l’application agirait au nom d’une autre personne, et cette personne pourrait voir ce que vous y faites.
signed-in-what = Ce que vous allez autoriser
signed-in-notice-changed = <strong>Veuillez vérifier à nouveau.</strong> Quelque chose a changé dans cette application depuis que cette page vous a été montrée. Rien n’a encore été communiqué.
signed-in-answer = Est-ce bien vous ?

## The page of a finished request

allowed-lead-web = Vous avez autorisé { $place } à utiliser { $resource } en votre nom
allowed-lead-document = Vous avez autorisé une application du site { $document } à utiliser { $resource } en votre nom
allowed-lead-loopback = Vous avez autorisé une application sur cet ordinateur à utiliser { $resource } en votre nom
allowed-lead-private-scheme = Vous avez autorisé une application sur cet appareil à utiliser { $resource } en votre nom
allowed-lead-vouched = Vous avez autorisé { $name } à utiliser { $resource } en votre nom
allowed-ended = <strong>C’est terminé.</strong> Vous avez retiré cette autorisation, ou sa durée est écoulée. L’application ne peut plus rien en faire.
allowed-too-late = <strong>Cette réponse est arrivée trop tard.</strong> Vous aviez déjà donné votre autorisation, et l’application a son accès. Il reste valable jusqu’à ce que vous le retiriez.
allowed-what = Ce que vous avez autorisé le { $day }
allowed-back = Comment retirer cette autorisation
allowed-nothing-left = Il n’y a plus rien à retirer. Un accès prend fin aussitôt, ou en quelques minutes là où il n’est pas vérifié à chaque fois.
allowed-take-back = Cela met fin à tout ce que l’application peut faire en votre nom dans { $resource } : aussitôt, ou en quelques minutes là où l’accès n’est pas vérifié à chaque fois.
allowed-take-back-button = Retirer l’autorisation
allowed-other-session = Dans ce navigateur, aucune session n’est ouverte avec le compte que vous aviez utilisé. Identifiez-vous avec ce compte, puis retirez l’accès sur la page { $apps }.

## Connected apps

account-title = Vos applications connectées
account-intro = Ces applications peuvent utiliser quelque chose en votre nom. Si vous en retirez une, elle ne pourra plus rien faire tant que vous ne l’aurez pas autorisée de nouveau.
account-person = Vous utilisez cette page avec votre compte chez { $upstream } : <strong>{ $person }</strong>.
account-incomplete = Il y en a plus que cette page ne peut en montrer. Quand vous en retirez, les autres prennent leur place.
account-empty = Aucune application n’a d’accès ici avec ce compte.
account-empty-hint = Vous pensiez en trouver une ? Vous avez peut-être utilisé un autre compte chez { $upstream } au moment de la connecter.
account-just-removed = <strong>C’est fait.</strong> Ces applications ne peuvent plus rien faire :
app-vouched = { $name }
app-documented = Une application du site { $document }
app-unknown = Une application
app-removed = Cette application n’est plus connue ici et ne peut donc plus rien faire.
receiver-web = { $place }
receiver-loopback = Une application sur un ordinateur ({ $place })
receiver-private-scheme = Une application sur un appareil ({ $place })
account-also = Accès également reçu par :
account-scopes = Ce que l’application peut faire dans { $resource }
account-since = Autorisation donnée le { $time }
account-last-used = Dernière utilisation le { $time }
account-unused = Pas d’utilisation récente
account-expires = Prend fin au plus tard le { $time }
account-remove = Retirer
account-all-heading = Toutes à la fois
account-all-summary = Retirer toutes les applications…
account-all-text = Chacune des applications ci-dessus devra de nouveau vous demander l’autorisation avant de pouvoir faire quoi que ce soit.
account-all-button = Oui, retirer toutes les applications
account-connection-heading = Ce que ce service peut faire pour vous chez { $upstream }
account-connection-in-order = Ce service peut utiliser votre compte chez { $upstream } pour faire ce que vos applications lui demandent. Les applications elles-mêmes ne reçoivent jamais cet accès.
account-connection-since = Votre dernière identification date du { $time }
account-connection-scopes = Ce que couvre cet accès, dans les termes de { $upstream }
account-connection-scopes-unknown = { $upstream } ne l’a pas indiqué
account-connection-end = Déconnecter
account-connection-end-hint = Vos applications restent autorisées, mais ce dont elles ont besoin chez { $upstream } ne fonctionnera plus jusqu’à votre prochaine identification.
account-connection-sign-in = { $upstream } n’accepte plus cet accès, ou il a expiré. Une application qui en a besoin vous demandera de vous identifier de nouveau.
account-connection-ended = Déconnexion le { $time }. Une application qui a besoin de cet accès vous demandera de vous identifier de nouveau.
account-connection-just-ended = <strong>C’est fait.</strong> Ce service ne peut plus rien faire pour vous chez { $upstream }. Vos applications restent autorisées.
account-removed-heading = Retirées au cours des 30 derniers jours
account-removed-app = { $app }, dans { $resource }
account-removed-hint = Un accès prend fin aussitôt, ou en quelques minutes là où il n’est pas vérifié à chaque fois. Ce qu’une application avait récupéré auparavant, elle a pu le garder.
account-session-heading = Cette page
account-session = Si vous n’utilisez pas cette page, votre session s’y ferme au bout de 15 minutes.
account-sign-out = Fermer la session sur cette page
sign-in-text = Ici, vous voyez quelles applications peuvent utiliser quelque chose en votre nom, et vous pouvez leur retirer cette autorisation. Pour vous montrer les vôtres et celles de personne d’autre, nous avons besoin de savoir qui vous êtes.
sign-in-state = Vous n’avez pas ouvert de session sur cette page.
sign-in-closing = Vous identifier ici ne donne rien à aucune application. Nous demandons seulement à { $upstream } qui vous êtes.

## The page at the service’s own address

home-title = Identification et autorisations
home-text = Ce service vous demande votre accord avant qu’une application puisse utiliser quelque chose en votre nom. Ce sont les applications qui vous amènent ici ; vous n’avez rien à commencer ici vous-même.
home-account = Pour voir ce que vous avez autorisé, et le retirer, allez sur la page { $apps }.

## Errors

error-next-heading = Ce que vous pouvez faire
error-details-heading = Pour les responsables de ce service
error-request-id = Numéro de la demande
error-reason = Motif
error-details = Détails
error-retry = Rouvrir la question
error-account = Vous avez utilisé votre compte chez { $upstream } : <strong>{ $person }</strong>.

start-again = Revenez à l’application que vous vouliez connecter et recommencez la connexion à partir de là.
tell-the-maker = Revenez à l’application et essayez encore une fois. Si vous vous retrouvez ici, l’application a un défaut que seule l’équipe qui l’a créée peut corriger : dites à cette équipe ce qui est écrit sur cette page. Les détails ci-dessous l’aideront.
tell-us = Réessayez dans un instant. Si cela se reproduit, prévenez les responsables de ce service et donnez-leur le numéro de la demande ci-dessous.
refused-app = La demande de l’application ne peut pas être acceptée sous cette forme

error-not-found =
    .title = Il n’y a rien ici
    .what = Cette adresse ne mène à aucune page.
    .next = Vérifiez l’adresse, ou revenez à l’application d’où vous venez.
error-method-not-allowed =
    .title = Cela ne fonctionne pas ici
    .what = Cette adresse existe, mais pas pour ce genre de demande.
    .next = { start-again }
error-too-many-requests =
    .title = Veuillez patienter un instant
    .what = Trop de demandes sont arrivées en peu de temps, de votre part ou de celle d’autres personnes sur votre réseau.
    .next = Attendez une minute et rechargez cette page. Si cela n’aide pas, recommencez depuis l’application.
error-at-capacity =
    .title = Veuillez réessayer dans un instant
    .what = Ce service est si sollicité qu’il ne peut pas répondre pour le moment.
    .next = Attendez quelques secondes et rechargez cette page. Si cela n’aide pas, recommencez depuis l’application.
error-issuer-unknown =
    .title = Il n’y a rien ici
    .what = Aucun service d’identification ne répond à cette adresse.
    .next = Vérifiez l’adresse, ou revenez à l’application d’où vous venez.
error-parameter-repeated =
    .title = { refused-app }
    .what = La demande de l’application dit plusieurs fois la même chose.
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = Il manque quelque chose de nécessaire dans la demande de l’application.
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = La demande de l’application n’a pas pu être lue.
    .next = { tell-the-maker }
error-request-too-large =
    .title = Cette demande est trop volumineuse
    .what = Votre navigateur ou l’application a envoyé plus que ce qui est accepté ici.
    .next = Revenez à l’application et recommencez. Si cela n’aide pas, supprimez d’abord les cookies de ce site dans votre navigateur.
error-unauthenticated =
    .title = Ce service est mal configuré
    .what = Deux parties de ce service ne se reconnaissent pas. Vous n’y êtes pour rien, et l’application non plus.
    .next = Prévenez les responsables de ce service et donnez-leur le numéro de la demande ci-dessous.
error-permission-denied =
    .title = Ce service est mal configuré
    .what = Deux parties de ce service ne se reconnaissent pas. Vous n’y êtes pour rien, et l’application non plus.
    .next = Prévenez les responsables de ce service et donnez-leur le numéro de la demande ci-dessous.
error-record-unknown =
    .title = Il n’y a rien ici
    .what = Ce qui a été demandé n’est pas ici, ou n’y est plus.
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = Un autre service a demandé quelque chose qui n’existe plus.
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = Un autre service a demandé quelque chose qui n’existe plus.
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = Un autre service a demandé quelque chose qui n’existe plus.
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = Un autre service a demandé quelque chose qui n’existe plus.
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = Deux demandes différentes portent le même numéro.
    .next = { tell-the-maker }
error-store-unavailable =
    .title = Veuillez réessayer dans un instant
    .what = Ce service ne peut pas répondre pour le moment.
    .next = Attendez quelques secondes et rechargez cette page. Si cela n’aide pas, recommencez depuis l’application.
error-storage-short =
    .title = Pas de nouvelles connexions pour le moment
    .what = Ce service n’a pas de place pour quoi que ce soit de nouveau en ce moment. Les connexions que vous avez déjà continuent de fonctionner.
    .next = Réessayez plus tard. Le journal du service le signale à ses responsables.
error-fault =
    .title = Quelque chose s’est mal passé
    .what = Une erreur s’est produite dans ce service, et elle a été enregistrée.
    .next = { tell-us }
error-client-unknown =
    .title = Cette application n’est pas connue ici
    .what = L’application n’est pas enregistrée auprès de ce service, ou son enregistrement a expiré.
    .next = Dans l’application, supprimez cette connexion et ajoutez-la de nouveau ; l’application se présentera alors une nouvelle fois.
error-client-disabled =
    .title = Cette application a été bloquée
    .what = Les responsables de ce service ont bloqué l’application.
    .next = Si vous pensez que c’est une erreur, demandez-leur, et donnez-leur le numéro de la demande ci-dessous.
error-client-authentication-failed =
    .title = L’application n’a pas pu prouver qui elle est
    .what = L’application a présenté une mauvaise clé, ou n’en a présenté aucune.
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = L’application n’a pas pu prouver qui elle est
    .what = L’application a présenté une mauvaise clé, ou n’en a présenté aucune.
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = L’application n’a pas pu prouver qui elle est
    .what = L’application a présenté une mauvaise clé, ou n’en a présenté aucune.
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = L’application n’a pas pu prouver qui elle est
    .what = L’application a présenté une mauvaise clé, ou n’en a présenté aucune.
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = L’application n’a pas pu prouver qui elle est
    .what = L’application a présenté une mauvaise clé, ou n’en a présenté aucune.
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = L’application n’a pas pu prouver qui elle est
    .what = L’application a présenté une mauvaise clé, ou n’en a présenté aucune.
    .next = { tell-the-maker }
error-access-token-missing =
    .title = L’application n’a pas d’accès ici
    .what = L’application n’a apporté aucune clé, ou une clé qui n’est pas valable ici.
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = L’application n’a pas d’accès ici
    .what = L’application n’a apporté aucune clé, ou une clé qui n’est pas valable ici.
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = L’application n’a pas le droit de faire cela
    .what = Ce qui a été autorisé à l’application ne comprend pas cela.
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = L’application a dit de deux façons à la fois qui elle est.
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = Cette demande a été arrêtée
    .what = L’accès devait aller à une adresse que l’application n’a jamais enregistrée. C’est peut-être une erreur, ou quelqu’un qui essaie d’atteindre votre compte.
    .next = Rien n’a été communiqué. Si vous êtes ici à cause d’un lien qu’on vous a envoyé, ne l’utilisez plus. Si vous êtes vous-même en train de connecter une application, supprimez-y la connexion et ajoutez-la de nouveau.
error-metadata-url-invalid =
    .title = { refused-app }
    .what = L’application se présente avec une adresse qui ne peut pas être consultée.
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = Les applications de ce site ne sont pas acceptées
    .what = Les responsables de ce service n’acceptent que les applications de certains sites, choisis à l’avance.
    .next = Si vous pensez que cette application devrait en faire partie, demandez-leur, et donnez-leur le numéro de la demande ci-dessous.
error-metadata-document-invalid =
    .title = Le site de l’application ne la reconnaît pas
    .what = L’application dit qu’un site la décrit. Ce qui s’y trouve ne correspond pas à l’application, ou il n’y a rien.
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = Le site de l’application ne répond pas
    .what = L’application dit qu’un site la décrit, et ce site ne peut pas être interrogé pour le moment.
    .next = Attendez une minute et rechargez cette page. Si cela persiste, le site de l’application est peut-être en panne.
error-redirect-uri-forbidden =
    .title = Cette application ne peut pas être connectée ici
    .what = Les responsables de ce service ne permettent pas que l’accès aille là où cette application le veut.
    .next = Si vous pensez que c’est une erreur, demandez-leur, et donnez-leur le numéro de la demande ci-dessous.
error-registrations-full =
    .title = Pas de nouvelles applications pour le moment
    .what = Ce service connaît déjà autant d’applications qu’il peut en garder.
    .next = Réessayez plus tard. Si cela persiste, adressez-vous aux responsables de ce service.
error-registration-closed =
    .title = Les applications ne peuvent pas se présenter ici elles-mêmes
    .what = Les responsables de ce service ajoutent les applications à la main.
    .next = Demandez-leur d’ajouter l’application que vous voulez connecter.
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = Un serveur a demandé quelque chose qui n’est pas proposé ici.
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = Un serveur a demandé l’accès à un compte qui n’est pas utilisé ici.
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = Un serveur a demandé l’accès à votre compte auprès du service d’identification, qu’il n’obtient pas ici.
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = Il faut l’autoriser à nouveau
    .what = On ne vous a pas encore dit que le serveur agit en votre nom auprès du service d’identification.
    .next = Recommencez la connexion depuis l’application.
error-account-no-longer-allowed =
    .title = Ce compte n’est plus admis ici
    .what = Les responsables de ce service n’admettent plus ce compte. L’application a été informée que son accès a pris fin.
    .next = Recommencez la connexion depuis l’application si vous avez un autre compte, qui est admis. Si vous pensez que celui-ci devrait l’être aussi, demandez aux responsables de ce service, et donnez-leur le numéro de la demande ci-dessous.
error-upstream-login-needed =
    .title = Vous devez vous identifier à nouveau
    .what = Le service d’identification n’accepte plus cette connexion.
    .next = Recommencez la connexion depuis l’application.
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = Le service où vous vous identifiez est injoignable pour le moment.
    .next = Attendez une minute, puis réessayez.
error-token-type-unsupported =
    .title = { refused-app }
    .what = L’application a voulu rendre quelque chose qui ne peut pas être rendu.
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = L’application n’a pas dit où l’accès doit aller.
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = L’application a demandé une façon de s’identifier qui n’est pas proposée ici.
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = L’application a demandé une façon de s’identifier qui n’est pas proposée ici.
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = L’application a demandé une façon de s’identifier qui n’est pas proposée ici.
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = L’application a demandé une façon de s’identifier qui n’est pas proposée ici.
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = L’application a omis une protection (PKCE) qui est obligatoire ici.
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = L’application a omis une protection (PKCE) qui est obligatoire ici.
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = L’application a omis une protection (PKCE) qui est obligatoire ici.
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = L’application a demandé l’accès à quelque chose que ce service ne protège pas.
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = L’application n’a pas dit à quoi elle veut accéder.
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = L’application a demandé une autorisation qui n’existe pas ici.
    .next = { tell-the-maker }
error-interaction-required =
    .title = Votre accord est nécessaire
    .what = L’application a essayé de se connecter sans vous montrer de page. Ce n’est pas possible ici.
    .next = { start-again }
error-ticket-invalid =
    .title = Cette page n’est pas valable
    .what = Le lien vers cette page est incomplet.
    .next = { start-again }
error-ticket-expired =
    .title = Cette page a expiré
    .what = Trop de temps s’est écoulé depuis votre arrivée ici. Rien n’a été communiqué.
    .next = { start-again }
error-cross-site =
    .title = Cette demande a été arrêtée
    .what = Un autre site a essayé de répondre à votre place. Rien n’a été décidé et rien n’a été communiqué.
    .next = Fermez l’autre site. Si vous êtes vous-même en train de connecter une application, recommencez dans cette application.
error-browser-cookie-missing =
    .title = Votre navigateur n’a pas renvoyé son cookie
    .what = Votre réponse ne peut être acceptée que du navigateur qui a affiché la question, et c’est un cookie qui le prouve. Il n’est pas revenu. Rien n’a été décidé.
    .next = Autorisez les cookies pour ce site, puis recommencez depuis l’application. Si l’application a ouvert cette page dans sa propre fenêtre, utilisez votre navigateur habituel.
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = Cette adresse commence par http, et certains navigateurs, dont Safari, n’y conservent pas de cookie protégé. Utilisez ici Chrome, Edge ou Firefox, ou une adresse qui commence par https.
error-form-token-invalid =
    .title = Votre réponse n’a pas pu être acceptée
    .what = Elle ne correspond pas à la page qui a été montrée à ce navigateur. Rien n’a été décidé.
    .next = Revenez en arrière, rechargez la page et répondez de nouveau. Si cela n’aide pas, recommencez depuis l’application.
error-decision-missing =
    .title = Vous n’avez pas encore choisi
    .what = Ni « Autoriser » ni « Refuser » n’est arrivé ici, ou plus aucune case n’était cochée. Rien n’a été décidé.
    .next = Revenez en arrière et appuyez sur l’un des deux boutons.
error-already-decided =
    .title = Vous avez refusé
    .what = Vous avez répondu non, et l’application en a été informée. Rien n’a été communiqué, et rien ne le sera.
    .next = Pour l’autoriser malgré tout, recommencez la connexion depuis l’application.
error-login-begun =
    .title = Il est trop tard pour modifier votre réponse
    .what = Vous avez donné votre autorisation tout à l’heure, et l’identification qui s’ensuit a commencé. C’est ce que vous aviez coché alors qui compte.
    .next = Pour tout arrêter, revenez en arrière et choisissez « Refuser ». Pour autoriser autre chose, recommencez la connexion depuis l’application.
error-state-invalid =
    .title = Ce lien n’est pas valable
    .what = Il ne correspond à aucune identification commencée ici.
    .next = { start-again }
error-login-replaced =
    .title = Vous avez répondu de nouveau entre-temps
    .what = Cette identification correspond à une de vos réponses précédentes, qu’une réponse plus récente a remplacée. Cette page n’a rien communiqué.
    .next = Identifiez-vous sur la page où vous avez répondu en dernier, ou recommencez la connexion depuis l’application.
error-state-cookie-missing =
    .title = Cette identification ne peut pas continuer ici
    .what = Elle a été commencée dans un autre navigateur, ou elle est déjà terminée. Cette page n’a rien communiqué.
    .next = Si quelqu’un vous a envoyé ce lien, fermez la page. Si vous étiez vous-même en train de connecter une application, recommencez dans cette application et restez dans un seul navigateur.
error-browser-mismatch =
    .title = Cette demande a été arrêtée
    .what = L’identification et l’autorisation ne viennent pas du même navigateur. Rien n’a été communiqué.
    .next = Si quelqu’un vous a envoyé un lien pour vous identifier, fermez la page. Si vous étiez vous-même en train de connecter une application, recommencez dans cette application et restez dans un seul navigateur.
error-login-expired =
    .title = L’identification a pris trop de temps
    .what = Le temps prévu pour s’identifier est écoulé. Rien n’a été communiqué.
    .next = { start-again }
error-login-interrupted =
    .title = L’identification a été interrompue
    .what = Cette identification se termine ailleurs, ou a été coupée en chemin.
    .next = Regardez dans l’application : elle est peut-être déjà connectée. Sinon, recommencez-y la connexion.
error-already-finished =
    .title = Cette identification est déjà terminée
    .what = La page a été ouverte une fois de plus alors que tout était fini.
    .next = Vous pouvez la fermer. Si l’application n’est pas connectée, recommencez-y la connexion.
error-too-many-failed-logins =
    .title = Veuillez patienter un instant
    .what = Trop d’identifications ont échoué, de votre part ou de celle d’autres personnes sur votre réseau. La vôtre n’a pas encore été tentée.
    .next = Attendez une minute et rechargez cette page.
error-upstream-unavailable =
    .title = Le service d’identification ne répond pas
    .what = Le service où vous vous identifiez est injoignable pour le moment. Rien n’a été communiqué.
    .next = Attendez une minute, puis recommencez la connexion depuis l’application.
error-upstream-invalid =
    .title = L’identification n’a pas pu être vérifiée
    .what = Le service où vous vous identifiez a donné une réponse à laquelle on ne peut pas se fier. Rien n’a été communiqué.
    .next = { tell-us }
error-upstream-denied =
    .title = L’identification n’a pas eu lieu
    .what = L’identification a été annulée, ou le service où vous vous identifiez l’a refusée. Rien n’a été communiqué.
    .next = { start-again }
error-signed-in-as-another =
    .title = Ce n’était pas vous
    .what = L’identification s’est faite avec le compte d’une autre personne. Rien n’a été communiqué, et l’application ne reçoit rien.
    .next = Déconnectez-vous du service où vous vous identifiez. Recommencez ensuite la connexion depuis l’application, et identifiez-vous avec votre propre compte.
error-account-not-allowed =
    .title = Ce compte n’est pas admis ici
    .what = Les responsables de ce service n’admettent que certains comptes, et celui-ci n’en fait pas partie. Rien n’a été communiqué, et l’application ne reçoit rien.
    .next = Avez-vous un autre compte, qui est admis ? Utilisez-le. Si vous pensez que celui-ci devrait l’être aussi, demandez aux responsables de ce service, et donnez-leur le numéro de la demande ci-dessous.
error-account-session-missing =
    .title = Votre session est fermée
    .what = Cette page ferme votre session quand elle n’est pas utilisée pendant un moment. Rien n’a été modifié.
    .next = Revenez à vos applications connectées, identifiez-vous et réessayez.
error-grant-type-unsupported =
    .title = { refused-app }
    .what = L’application a demandé l’accès d’une façon qui ne lui est pas ouverte.
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = L’application a demandé l’accès d’une façon qui ne lui est pas ouverte.
    .next = { tell-the-maker }
error-code-invalid =
    .title = La connexion est à refaire
    .what = Le code de l’application n’est pas valable.
    .next = { start-again }
error-code-replayed =
    .title = La connexion est à refaire
    .what = Le code de l’application a été utilisé deux fois ; l’accès qu’il donnait a donc été arrêté.
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = L’application a indiqué une autre adresse que celle qui a été autorisée.
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = L’application n’a pas pu prouver que c’est elle qui a commencé cette connexion.
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = La connexion est à refaire
    .what = L’accès de l’application n’est pas valable.
    .next = { start-again }
error-refresh-token-replayed =
    .title = La connexion est à refaire
    .what = Une ancienne clé de l’application a été réutilisée ; son accès a donc été arrêté.
    .next = { start-again }
error-grant-ended =
    .title = La connexion est à refaire
    .what = L’accès de l’application a pris fin ou a été retiré.
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = L’application ne peut pas recevoir l’accès à l’adresse qu’elle a indiquée.
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = Ce que l’application dit d’elle-même n’est pas acceptable ici.
    .next = { tell-the-maker }
