# The words of the pages in English. Other languages follow this file; an operator may replace single messages.
#
# The reader has never heard of OAuth. The text puts no blame, quotes nothing from the request but what stands in { $… }, and
# promises nothing that the service cannot know. { $place } and { $document } are hosts like "claude.ai".

language-tag = en
direction = ltr

## Dates and durations

date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }
date-time = { $date }, { $time } UTC
duration-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
duration-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
duration-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}

## On every page

account-link = Your connected apps
support-link = Help
privacy-link = Privacy
return-to = Return to { $place }
return-to-app = Return to the app
sign-in-with = Sign in with { $upstream }

## The consent page

lead-web = { $place } wants to use { $resource } as you
lead-document = An app of { $document } wants to use { $resource } as you
lead-loopback = An app on this computer wants to use { $resource } as you
lead-private-scheme = An app on this device wants to use { $resource } as you
lead-vouched = { $name } wants to use { $resource } as you

# Claims of the app. They stand in quotation marks and are never the first sentence.
claim-vouched = Set up by the people who run this service.
claim-documented = That website calls this app “{ $name }”.
claim-documented-unnamed = That website describes this app and gives it no name.
claim-says-document = It calls itself “{ $name }” and says that { $document } made it. Nobody has checked that.
claim-says-document-unnamed = It says that { $document } made it. Nobody has checked that.
claim-unchecked = It calls itself “{ $name }”. Nobody has checked that.
claim-unnamed = It gives no name, and nobody has checked who made it.
claim-withheld = It gives a name that cannot be shown here.

doubt-claims-approval = The name claims an approval. Nobody has approved or checked this app.
doubt-instructs = The name tells you what to do. An honest name does not.
doubt-confusable = The name uses letters that imitate others.
doubt-unreadable = The name contains characters that could mislead you.
doubt-well-known-web = You know “{ $name }” from elsewhere. { $place } is not its website, so this is probably not the app you mean.
doubt-well-known-scheme = You know “{ $name }” from elsewhere. The app of that name opens no { $place } links, so this is probably not the app you mean.
doubt-address = The name contains an address. The access does not go there.

danger-elsewhere = The access goes to { $place }. That is not { $document }, the website that describes this app.
danger-confusable = { $place } is spelled with letters that imitate another address.

question-web = Did you just come from { $place }? If not, deny.
question-loopback = Did you yourself just start to connect an app on this computer? If not, deny: we cannot see which app is asking.
question-private-scheme = Did you yourself just start to connect an app on this device? If not, deny: we cannot see which app is asking.
question-vouched = Did you just start to connect { $name }? If not, deny.

what-heading = What the app could do
what-everything = Everything that you can do there: it named no limits
upstream-tokens = { $resource } gets a key to your account at { $upstream } (an access token), and can act there as you.
group-reading = Only look
group-changing = Change something
new-scope = new
tools = { $count ->
    [one] unlocks { $count } tool
   *[other] unlocks { $count } tools
}
choice-hint = Untick what you do not want to allow. The app may then not be able to do everything it offers.
presets = Tick { $read_only } or { $everything }.
preset-read-only = only looking
preset-everything = everything

as-known = As <strong>{ $person }</strong>, your account at { $upstream }
not-you = Use another account
next-sign-in = Next: sign in at { $upstream }. There you choose the account.
next-known = Next: { $upstream } confirms that it is you.
how-long = It ends after { $lifetime }, or when you remove it under { $apps }.
policy-linked = If you allow this, you also agree to the policy of { $issuer }: { $policy }.
policy-plain = If you allow this, you also agree to the policy of { $issuer }, version { $version }.
policy-version = version { $version }

answer-heading = Do you allow this?
deny = Deny
approve = Allow
closing-fresh = Not sure? Deny, or close this page: nothing happens until you allow it.
closing-approved = You did not mean to allow it? Deny now.

notice-changed = <strong>Please look again.</strong> Something about this app changed after this page was shown to you. Nothing has been decided yet.
notice-policy = <strong>The policy has changed</strong> since you allowed this app. What you allowed goes on; read what is new before you answer.
notice-approved = <strong>You allowed this and have not signed in yet.</strong> Below is what you chose. Until you have signed in, you can change it: your last answer counts.
notice-signing-in = <strong>You allowed this, and your sign-in is being finished.</strong> Below is what you chose. You can still deny it; to allow something else, start again from the app.
notice-embedded = This page is shown inside another app, which could read what you type next. If you can, open it in your own browser.

details-heading = Details
details-app = The app
details-registered = First seen here on
details-address = The access goes to this address
details-resource = Address of { $resource }
details-scopes = Names of the permissions
details-deny = If you deny
details-deny-text = Nothing is shared. The app is told that you declined, and nothing else about you.

goes-to-web = The access goes to { $place }.
goes-to-loopback = The access goes to an app on this computer, at { $place }.
goes-to-private-scheme = The access goes to the app on this device that opens { $place } links.

## The page with one button

one-click-before = You allowed this before. { $goes }
one-click-button = Continue as { $person }
one-click-full = Show everything, or deny
one-click-closing = Not sure? Close this page: nothing happens until you continue.

## After the login

signed-in-title = You signed in as { $person }. Is that you?
signed-in-account = The account { $account } at { $upstream }.
signed-in-warning = If this is not your account, do not continue: the app would act as someone else, and that person could see what you do there.
signed-in-what = What you are about to allow
signed-in-notice-changed = <strong>Please look again.</strong> Something about this app changed after this page was shown to you. Nothing has been shared yet.
signed-in-answer = Is this you?

## The page of a finished request

allowed-lead-web = You allowed { $place } to use { $resource } as you
allowed-lead-document = You allowed an app of { $document } to use { $resource } as you
allowed-lead-loopback = You allowed an app on this computer to use { $resource } as you
allowed-lead-private-scheme = You allowed an app on this device to use { $resource } as you
allowed-lead-vouched = You allowed { $name } to use { $resource } as you
allowed-ended = <strong>This has ended.</strong> You took it back, or its time is over. The app can do nothing more with it.
allowed-too-late = <strong>This answer came too late.</strong> You allowed it before, and the app has its access. It stands until you take it back.
allowed-what = What you allowed on { $day }
allowed-back = How to take it back
allowed-nothing-left = There is nothing left to take back. Access ends at once, or in some places after a few minutes.
allowed-take-back = This ends everything that the app may do as you in { $resource }: at once, or in some places after a few minutes.
allowed-take-back-button = Take it back
allowed-other-session = This browser is not signed in with the account that you used. Sign in with it, and remove the access under { $apps }.

## Connected apps

account-title = Your connected apps
account-intro = These apps may use something as you. Remove one, and it can do nothing more until you allow it again.
account-person = You are signed in as <strong>{ $person }</strong>, with your account at { $upstream }.
account-incomplete = There are more than fit on this page. When you remove some, the others move up.
account-empty = No app has access to anything here with this account.
account-empty-hint = You expected one? You may have used another account at { $upstream } when you connected it.
account-just-removed = <strong>Removed.</strong> These apps can do nothing more:
app-vouched = { $name }
app-documented = An app of { $document }
app-unknown = An app
app-removed = It is no longer known here, so it can do nothing now.
receiver-web = { $place }
receiver-loopback = An app on a computer ({ $place })
receiver-private-scheme = An app on a device ({ $place })
account-also = The access also went to:
account-scopes = What it can do in { $resource }
account-since = Allowed on { $time }
account-last-used = Last used on { $time }
account-unused = Not used lately
account-expires = Ends on { $time } at the latest
account-remove = Remove
account-all-heading = All of them
account-all-summary = Remove all apps …
account-all-text = Every app above has to ask you again before it can do anything.
account-all-button = Yes, remove all apps
account-connection-heading = What this service may do at { $upstream } for you
account-connection-in-order = This service can use your account at { $upstream } to do what your apps ask of it. The apps themselves never get that access.
account-connection-since = You signed in on { $time }
account-connection-scopes = What the access covers, in the words of { $upstream }
account-connection-scopes-unknown = { $upstream } did not say
account-connection-end = Disconnect
account-connection-end-hint = Your apps stay allowed, but what they need from { $upstream } stops working until you sign in there again.
account-connection-sign-in = { $upstream } no longer accepts this access, or it has run out. An app that needs it will ask you to sign in again.
account-connection-ended = Disconnected on { $time }. An app that needs this access will ask you to sign in again.
account-connection-just-ended = <strong>Disconnected.</strong> This service can do nothing more at { $upstream } for you. Your apps stay allowed.
account-removed-heading = Removed in the last 30 days
account-removed-app = { $app }, in { $resource }
account-removed-hint = Access ends at once, or in some places after a few minutes. What an app had fetched before, it may have kept.
account-session-heading = This page
account-session = When you do not use this page, it signs you out after 15 minutes.
account-sign-out = Sign out of this page
sign-in-text = Here you see which apps may use something as you, and can take that back. To show you yours and no one else’s, we need to know who you are.
sign-in-state = You are not signed in to this page.
sign-in-closing = Signing in here gives no app anything. We ask { $upstream } only who you are.

## The page at the service’s own address

home-title = Sign-in and permissions
home-text = This service asks you before an app may use something as you. Apps send you here; there is nothing to begin here yourself.
home-account = You can see what you have allowed, and take it back, under { $apps }.

## Errors

error-next-heading = What you can do
error-details-heading = For the people who run this service
error-request-id = Request number
error-reason = Reason
error-details = Details
error-retry = Open the question again
error-account = You used <strong>{ $person }</strong>, your account at { $upstream }.

start-again = Go back to the app you were connecting and start the connection again from there.
tell-the-maker = Go back to the app and try once more. If it leads here again, it has a fault that only its makers can repair: tell them what this page says. The details below will help them.
tell-us = Try again in a moment. If it happens again, tell the people who run this service, and give them the request number below.
refused-app = The app asked in a way that cannot be accepted

error-not-found =
    .title = There is nothing here
    .what = This address does not lead to a page.
    .next = Check the address, or go back to the app you came from.
error-method-not-allowed =
    .title = That does not work here
    .what = This address exists, but not for this kind of request.
    .next = { start-again }
error-too-many-requests =
    .title = Please wait a moment
    .what = More was asked for than is answered in so short a time, by you or by others on your network.
    .next = Wait a minute and reload this page. If that does not help, start again from the app.
error-at-capacity =
    .title = Please try again in a moment
    .what = So much is going on that this service cannot answer just now.
    .next = Wait a few seconds and reload this page. If that does not help, start again from the app.
error-issuer-unknown =
    .title = There is nothing here
    .what = No sign-in service answers at this address.
    .next = Check the address, or go back to the app you came from.
error-parameter-repeated =
    .title = { refused-app }
    .what = The app’s request says the same thing more than once.
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = The app’s request leaves out something necessary.
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = The app’s request could not be read.
    .next = { tell-the-maker }
error-request-too-large =
    .title = This request is too large
    .what = Your browser or the app sent more than is accepted here.
    .next = Delete this website’s cookies in your browser. Then start again from the app.
error-unauthenticated =
    .title = This service is not set up correctly
    .what = Two parts of this service do not recognise each other. It is not your fault, nor the app’s.
    .next = Tell the people who run this service, and give them the request number below.
error-permission-denied =
    .title = This service is not set up correctly
    .what = Two parts of this service do not recognise each other. It is not your fault, nor the app’s.
    .next = Tell the people who run this service, and give them the request number below.
error-record-unknown =
    .title = There is nothing here
    .what = What was asked for is not here, or no more.
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = Another service asked for something that is no longer there.
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = Another service asked for something that is no longer there.
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = Another service asked for something that is no longer there.
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = Another service asked for something that is no longer there.
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = Two different requests bear the same number.
    .next = { tell-the-maker }
error-store-unavailable =
    .title = Please try again in a moment
    .what = This service cannot answer just now.
    .next = Wait a few seconds and reload this page. If that does not help, start again from the app.
error-storage-short =
    .title = No new connections at the moment
    .what = This service has no space for anything new just now. Connections that you have already go on working.
    .next = Try again later. The people who run this service can see it in their log.
error-fault =
    .title = Something went wrong
    .what = An error happened in this service, and it was recorded.
    .next = { tell-us }
error-client-unknown =
    .title = This app is not known here
    .what = The app is not registered with this service, or its registration has expired.
    .next = In the app, remove this connection and add it again; it will then introduce itself anew.
error-client-disabled =
    .title = This app has been blocked
    .what = The people who run this service have blocked the app.
    .next = If you think this is a mistake, ask them, and give them the request number below.
error-client-authentication-failed =
    .title = The app could not prove who it is
    .what = The app gave a wrong key or none.
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = The app could not prove who it is
    .what = The app gave a wrong key or none.
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = The app could not prove who it is
    .what = The app gave a wrong key or none.
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = The app could not prove who it is
    .what = The app gave a wrong key or none.
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = The app could not prove who it is
    .what = The app gave a wrong key or none.
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = The app could not prove who it is
    .what = The app gave a wrong key or none.
    .next = { tell-the-maker }
error-access-token-missing =
    .title = The app has no access here
    .what = The app brought no key, or one that is not good here.
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = The app has no access here
    .what = The app brought no key, or one that is not good here.
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = The app may not do this
    .what = What the app was allowed does not include this.
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = The app said in two ways at once who it is.
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = This request was stopped
    .what = The access was to go to an address that the app never registered. That can be a mistake, or somebody trying to get at your account.
    .next = Nothing was shared. If you came here by a link somebody sent you, do not use it again. If you are connecting an app yourself, remove the connection there and add it again.
error-metadata-url-invalid =
    .title = { refused-app }
    .what = The app introduces itself with an address that cannot be used.
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = Apps from that website are not accepted
    .what = The people who run this service accept apps only from websites they have chosen.
    .next = If you think this app should be among them, ask them, and give them the request number below.
error-metadata-document-invalid =
    .title = The app’s website does not vouch for it
    .what = The app says that a website describes it. What is there does not fit the app, or there is nothing.
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = The app’s website does not answer
    .what = The app says that a website describes it, and that website cannot be asked just now.
    .next = Wait a minute and reload this page. If it goes on, the website of the app may be down.
error-redirect-uri-forbidden =
    .title = This app may not be connected here
    .what = The people who run this service do not permit access to go where this app wants it.
    .next = If you think this is a mistake, ask them, and give them the request number below.
error-registrations-full =
    .title = No new apps at the moment
    .what = As many apps as this service keeps have introduced themselves here.
    .next = Try again later. If it goes on, ask the people who run this service.
error-registration-closed =
    .title = Apps cannot introduce themselves here
    .what = The people who run this service add apps by hand.
    .next = Ask them to add the app you want to connect.
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = The app or its service asked for something that is not offered here.
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = Access to an account was asked for that is not used here.
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = Access to your account at the sign-in service was asked for, and is not given here.
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = This has to be allowed again
    .what = You have not been told yet that your account at the sign-in service is used for you.
    .next = Start the connection again from the app.
error-account-no-longer-allowed =
    .title = This account may not be used here any longer
    .what = The people who run this service no longer admit this account. The app was told that its access has ended.
    .next = Start the connection again from the app if you have another account that they admit. If you think this one should be admitted, ask them, and give them the request number below.
error-upstream-login-needed =
    .title = You need to sign in again
    .what = The sign-in service no longer accepts this connection.
    .next = Start the connection again from the app.
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = The service where you sign in cannot be reached just now.
    .next = Wait a minute, then try again.
error-token-type-unsupported =
    .title = { refused-app }
    .what = The app tried to end something that cannot be ended here.
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = The app did not say where the access should go.
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = The app asked for a way of signing in that is not offered here.
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = The app asked for a way of signing in that is not offered here.
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = The app asked for a way of signing in that is not offered here.
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = The app asked for a way of signing in that is not offered here.
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = The app left out a protection (PKCE) that is required here.
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = The app left out a protection (PKCE) that is required here.
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = The app left out a protection (PKCE) that is required here.
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = The app asked for access to something that this service does not protect.
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = The app did not say what it wants access to.
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = The app asked for a permission that does not exist here.
    .next = { tell-the-maker }
error-interaction-required =
    .title = You need to be asked
    .what = The app tried to connect without showing you a page. That is not possible here.
    .next = { start-again }
error-ticket-invalid =
    .title = This page is not valid
    .what = The link to this page is incomplete.
    .next = { start-again }
error-ticket-expired =
    .title = This page has expired
    .what = Too much time passed since the app sent you here. Nothing was shared.
    .next = { start-again }
error-cross-site =
    .title = This request was stopped
    .what = Another website tried to answer for you. Nothing was decided and nothing was shared.
    .next = Close the other website. If you are connecting an app yourself, start again from there.
error-browser-cookie-missing =
    .title = Your browser did not bring back its cookie
    .what = Your answer can only be taken from the browser that was shown the question, and a cookie proves that. It did not come back. Nothing was decided.
    .next = Allow cookies for this website, then start again from the app. If the app opened this page in a window of its own, use your normal browser.
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = This address begins with http, and some browsers, Safari among them, keep no protected cookie there. Use Chrome, Edge or Firefox here, or an address that begins with https.
error-form-token-invalid =
    .title = Your answer could not be accepted
    .what = It does not belong to the page that this browser was shown. Nothing was decided.
    .next = Go back, reload the page and answer again. If that does not help, start again from the app.
error-decision-missing =
    .title = You have not chosen yet
    .what = Neither Allow nor Deny arrived, or nothing was left ticked to allow. Nothing was decided.
    .next = Go back and press one of the two buttons.
error-already-decided =
    .title = You declined this
    .what = You answered no, and the app was told so. Nothing was shared, and nothing will be.
    .next = To allow it after all, start the connection again from the app.
error-login-begun =
    .title = It is too late to change your answer
    .what = You allowed this before, and the sign-in for it has begun. What you ticked then is what counts.
    .next = To stop it, go back and choose Deny. To allow something else, start the connection again from the app.
error-state-invalid =
    .title = This link is not valid
    .what = It does not belong to a sign-in that was begun here.
    .next = { start-again }
error-login-replaced =
    .title = You have answered again since
    .what = This sign-in belongs to an earlier answer of yours, and a later one has replaced it. This page shared nothing.
    .next = Sign in on the page where you answered last, or start the connection again from the app.
error-state-cookie-missing =
    .title = This sign-in cannot be continued here
    .what = It was begun in another browser, or it has already ended. This page shared nothing.
    .next = If somebody sent you this link, close the page. If you were connecting an app yourself, start again from there, and stay in one browser.
error-browser-mismatch =
    .title = This request was stopped
    .what = The browser that signed in is not the one that allowed this. Nothing was shared.
    .next = If somebody sent you a link to sign in, close the page. If you were connecting an app yourself, start again from there, and stay in one browser.
error-login-expired =
    .title = The sign-in took too long
    .what = The time to sign in has run out. Nothing was shared.
    .next = { start-again }
error-login-interrupted =
    .title = The sign-in was interrupted
    .what = This sign-in is being finished elsewhere, or was cut off on the way.
    .next = Look at the app: it may be connected already. If it is not, start the connection again from there.
error-already-finished =
    .title = This sign-in has already ended
    .what = The page was opened once more after everything was done.
    .next = You can close it. If the app is not connected, start the connection again from there.
error-too-many-failed-logins =
    .title = Please wait a moment
    .what = Too many sign-ins have failed, by you or by others on your network. Yours was not tried yet.
    .next = Wait a minute and reload this page.
error-upstream-unavailable =
    .title = The sign-in service does not answer
    .what = The service where you sign in cannot be reached just now. Nothing was shared.
    .next = Wait a minute, then start the connection again from the app.
error-upstream-invalid =
    .title = The sign-in could not be verified
    .what = The service where you sign in gave an answer that cannot be trusted. Nothing was shared.
    .next = { tell-us }
error-upstream-denied =
    .title = You were not signed in
    .what = The sign-in was cancelled, or the service where you sign in refused it. Nothing was shared.
    .next = { start-again }
error-signed-in-as-another =
    .title = That was not you
    .what = Somebody else’s account was signed in. Nothing was shared, and the app gets nothing.
    .next = Sign out at the service where you sign in. Then start the connection again from the app, and sign in as yourself.
error-account-not-allowed =
    .title = This account may not be used here
    .what = The people who run this service admit only certain accounts, and this is not one of them. Nothing was shared, and the app gets nothing.
    .next = Do you have another account that they admit? Then use that one. If you think this one should be admitted, ask them, and give them the request number below.
error-account-session-missing =
    .title = You are no longer signed in
    .what = This page signs you out when it has not been used for a while. Nothing was changed.
    .next = Go back to your connected apps, sign in, and try again.
error-grant-type-unsupported =
    .title = { refused-app }
    .what = The app asked for access in a way that is not open to it.
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = The app asked for access in a way that is not open to it.
    .next = { tell-the-maker }
error-code-invalid =
    .title = The connection has to be made again
    .what = The app’s one-time code is not valid.
    .next = { start-again }
error-code-replayed =
    .title = The connection has to be made again
    .what = The app’s one-time code was used twice, so the access it gave was ended.
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = The app named another address than the one that you allowed.
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = The app could not prove that it began this connection.
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = The connection has to be made again
    .what = The app’s access is not valid.
    .next = { start-again }
error-refresh-token-replayed =
    .title = The connection has to be made again
    .what = An old key of the app was used again, so its access was ended.
    .next = { start-again }
error-grant-ended =
    .title = The connection has to be made again
    .what = The app’s access has ended or was taken back.
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = The app cannot receive access at the address it named.
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = What the app says about itself is not acceptable here.
    .next = { tell-the-maker }
