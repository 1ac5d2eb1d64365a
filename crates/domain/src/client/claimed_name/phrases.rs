//! Phrases that no name of a client may say, in every language of the pages.
//!
//! One phrase a line. `|` separates alternatives for one word. Words match whole, in every case and style, with or without marks,
//! and also spelt apart. Where a script writes no spaces, a phrase matches anywhere in the name; after `=` it is a word between
//! spaces or signs.

use crate::client::claimed_name::NameDoubt;

/// Phrases of one meaning in one language (BCP 47).
pub(super) type Phrases = (NameDoubt, &'static str, &'static str);

/// Signs that mean "checked" or "safe" beside a name.
pub(super) const SEALS: [char; 20] =
    ['✓', '✔', '☑', '✅', '🗸', '🗹', '√', '⍻', '🛡', '⛨', '🔒', '🔐', '🔏', '🏅', '🎖', '🏆', '㊣', '🉑', '🆗', '👍'];

/// The table.
pub(super) const PHRASES: &[Phrases] = &[
    (
        NameDoubt::ClaimsApproval,
        "en",
        "
            approved|preapproved|verified|certified|trusted|official|officially|authorised|authorized|vetted|endorsed
            allowlisted|whitelisted|legitimate|genuine|authenticated
            administrator|administrators|sysadmin
            your|the|by|from|company|corporate|it|system|domain admin|admins
            security|trust|fraud|compliance|support|safety|it team|department|desk|center|centre
            recommended|required|provided|managed|supported by
            verification|approval|review|check passed|complete|completed|granted|successful
            is|its|completely|totally safe|secure
            safe to
        ",
    ),
    (
        NameDoubt::Instructs,
        "en",
        "
            approve|allow
            press|click|tap|hit|push|choose|select|use approve|allow|ok|okay|yes|accept|agree|continue|confirm|the|here|on|below|anyway|this|button
            sign in
            signin|login to|now|here|required|again|with|first
            log in
            please
            continue to|with|as|below|here|by
            to continue|proceed
            and continue|confirm
            proceed to|with|anyway|now
            ignore|disregard
            do not|never deny|refuse|reject|cancel|close|worry
            dont deny|refuse|reject|cancel|close|worry
            don t deny|refuse|reject|cancel|close|worry
            you must|need|have|should|can|may
            authorise|authorize this|the|access|app|now|me|us|to
            grant|give|permit|enable access|permission|permissions
            accept this|the|all|to|now|and
            confirm|verify|update|unlock|secure your|the|this
            your|this account|session will|has|expires|expired|was
            enter|type your|the
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "de",
        "
            genehmigt|genehmigte|genehmigter|genehmigtes|freigegeben|freigegebene|freigegebener|zugelassen|zugelassene
            geprüft|geprüfte|geprüfter|geprüftes|überprüft|überprüfte|verifiziert|verifizierte|verifizierter|verifiziertes
            zertifiziert|zertifizierte|zertifizierter|zertifiziertes|bestätigt|bestätigte|autorisiert|autorisierte
            vertrauenswürdig|vertrauenswürdige|vertrauenswürdiger|vertrauenswürdiges
            offiziell|offizielle|offizieller|offizielles|amtlich|amtliche
            systemadministrator|administratorin|sicherheitsteam|sicherheitsabteilung|sicherheitsprüfung|itabteilung
            it abteilung
            ihr|ihrem|ihren|vom|dein|deinem|deinen admin
        ",
    ),
    (
        NameDoubt::Instructs,
        "de",
        "
            klicken|klick|klicke|drücken|drücke|tippen|tippe|wählen|wähle sie|auf|hier|genehmigen|zulassen|erlauben|ok|ja|jetzt
            genehmigen|genehmige|zulassen|erlauben|erlaube|zustimmen|akzeptieren|autorisieren
            bestätigen|bestätige sie|um|jetzt|ihr|ihre|ihren|den|die|das
            anmelden|einloggen
            melden|loggen sie
            fortfahren|fortzufahren|weitermachen
            weiter mit|zu|zur|zum
            bitte
            ignorieren|ignoriere
            nicht ablehnen|verweigern|abbrechen
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "fr",
        "
            approuvé|approuvée|vérifié|vérifiée|certifié|certifiée|validé|validée|autorisé|autorisée|agréé|agréée|homologué
            officiel|officielle|officiellement
            digne|dignes de confiance
            de confiance
            administrateur|administratrice
            équipe|service sécurité|informatique
            équipe|service de|du|la sécurité|support
        ",
    ),
    (
        NameDoubt::Instructs,
        "fr",
        "
            cliquez|cliquer|appuyez|appuyer
            touchez|choisissez|sélectionnez approuver|autoriser|accepter|ok|oui|le|la|ici|sur
            approuvez|approuver|autorisez|autoriser|acceptez|accepter
            connectez vous
            se connecter
            pour continuer|poursuivre
            continuez|poursuivez
            veuillez
            confirmez|vérifiez votre|vos|le|la
            ignorez|ignorer
            ne refusez|annulez|fermez
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "es",
        "
            aprobado|aprobada|verificado|verificada|certificado|certificada|autorizado|autorizada|validado|validada
            oficial|oficialmente|confiable|homologado
            de confianza
            administrador|administradora
            equipo|departamento de seguridad|soporte|sistemas|informática
        ",
    ),
    (
        NameDoubt::Instructs,
        "es",
        "
            pulse|pulsa|presione|presiona|oprima|oprime aprobar|permitir|aceptar|en|el|aquí|para|sí|ok|continuar
            haga|haz clic|click
            toque|toca|elija|elige|seleccione aprobar|permitir|aceptar|el|aquí|sí|ok
            apruebe|aprueba|aprobar|permita|permitir|autorice|autorizar|acepte
            inicie|inicia|iniciar sesión
            para|y continuar
            continúe|continúa a|para|con
            por favor
            confirme|verifique su|tu|el|la
            ignore|ignora
            no rechace|rechaces|deniegue|deniegues|cancele|canceles
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "pt",
        "
            aprovado|aprovada|verificado|verificada|certificado|certificada|autorizado|autorizada|validado|validada
            oficial|oficialmente|confiável|homologado
            de confiança
            administrador|administradora
            equipe|equipa|departamento de segurança|suporte|ti|informática
        ",
    ),
    (
        NameDoubt::Instructs,
        "pt",
        "
            clique|pressione|prima|aperte|toque|escolha|selecione em|no|na|aqui|para|aprovar|permitir|aceitar|sim|ok|continuar
            aprove|aprovar|permita|permitir|autorize|autorizar|aceite
            inicie|iniciar|inicia sessão
            faça|fazer login
            para|e continuar|prosseguir
            continue a|para|com
            por favor
            confirme|verifique sua|seu|a|o
            ignore
            não recuse|negue|rejeite|cancele|feche
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "ja",
        "
            =公式
            公式アプリ
            公式版
            公式クライアント
            公式ツール
            公式連携
            公式サイト
            公式認
            正規アプリ
            正規版
            認証済
            認定済
            承認済
            検証済
            確認済
            許可済
            審査済
            信頼済
            認定アプリ
            承認された
            認証された
            許可された
            信頼できる
            管理者
            安全です
            安全確認
            セキュリティチーム
            セキュリティ部
            情報システム部
            サポートチーム
        ",
    ),
    (
        NameDoubt::Instructs,
        "ja",
        "
            ください
            下さい
            を押
            をクリック
            をタップ
            クリックし
            タップし
            許可する
            承認する
            同意する
            許可し
            承認し
            同意し
            ログインし
            サインインし
            続行
            続けるには
            続けます
            無視し
            拒否しない
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "zh",
        "
            官方
            已认证
            已验证
            已批准
            已审核
            已授权
            已核准
            经认证
            经批准
            经验证
            通过认证
            通过审核
            通过验证
            认证应用
            批准的
            认证的
            授权的
            正版
            管理员
            安全团队
            安全中心
            安全部门
            客服团队
            受信任
            可信赖
            可信应用
            值得信赖
        ",
    ),
    (
        NameDoubt::Instructs,
        "zh",
        "
            请点
            请按
            请批准
            请允许
            请登录
            请继续
            请同意
            请确认
            请授权
            请选择
            请忽略
            请勿
            点击
            點擊
            按下
            点允许
            点同意
            点批准
            按允许
            按同意
            按批准
            选择允许
            选择批准
            批准以
            批准并
            批准后
            批准此
            允许以
            允许并
            允许访问
            允许此
            同意并
            继续登录
            继续访问
            以继续
            并继续
            登录以
            登录后
            重新登录
            忽略此
            忽略警告
            不要拒绝
            勿拒绝
        ",
    ),
    (
        NameDoubt::ClaimsApproval,
        "ar",
        "
            معتمد|المعتمد|معتمدة|المعتمدة|موثق|الموثق|موثقة|الموثقة|موثوق|الموثوق|موثوقة|الموثوقة
            رسمي|الرسمي|رسمية|الرسمية|مرخص|المرخص
            تمت|تم الموافقة|التحقق|الاعتماد|التوثيق
            وافق|وافقت عليه|عليها
            موافق عليه|عليها
            مسؤول|المسؤول|مسؤولك|مسؤولكم|مشرف|المشرف
            فريق|قسم الأمان|الأمن|الدعم|التقنية
        ",
    ),
    (
        NameDoubt::Instructs,
        "ar",
        "
            اضغط|انقر|إضغط|أنقر|اضغطي|انقري
            وافق|اسمح|اقبل|وافقي|اسمحي
            تسجيل|سجل|سجلي الدخول
            للمتابعة|المتابعة|تابع|واصل|للاستمرار
            تجاهل
            يرجى|الرجاء|رجاء
            لا ترفض|تلغ
        ",
    ),
];
